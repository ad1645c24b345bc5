/**
 * Whether a MetaGraphDef still has the collections that its graph shows it once had.
 *
 * A file cut at the border of two outermost fields is a well-formed message, and collections come last: it trains, but
 * UPDATE_OPS is gone and moving statistics stay at 0 and 1. TensorFlow 2 writes the collections sorted by name, so that
 * `variables` is behind every other standard one and its presence vouches for them. TensorFlow 1 wrote them in any order: what
 * the graph tells of the others is checked too. Not seen: losses, summaries and a user's own collections, when they
 * came behind the rest.
 */
import { InvalidArgumentError } from "../../graph/errors.ts";
import type { MetaGraphDef, NodeDef } from "../metaGraphDef.ts";
import { VariableDefSchema, type VariableDef } from "./metaGraphDef_pb.ts";
import { fromBinary } from "@bufbuild/protobuf";

const VARIABLE_OPS = new Set(["VariableV2", "Variable", "VarHandleOp"]);

/** Throws InvalidArgumentError when a collection that the graph needs is missing. */
export function checkComplete(metaGraph: MetaGraphDef): void {
  const nodes = metaGraph.graphDef?.node ?? [];
  const has = (collection: string): boolean => Object.hasOwn(metaGraph.collectionDef, collection);

  if (!has("variables")) {
    const local = new Set(variableDefs(metaGraph, "local_variables").map(({ variableName }) => nodeName(variableName)));
    const lost = nodes.filter(({ name, op }) => VARIABLE_OPS.has(op) && !local.has(name)).map(({ name }) => name);
    if (lost.length > 0) refuse("variables", `${count(lost.length, "variable")} (${list(lost)})`);
  }
  if (!has("trainable_variables")) {
    // TensorFlow puts every variable with trainable=True into the collection, whatever `collections` it was given.
    const lost = variableDefs(metaGraph, "variables").filter(({ trainable }) => trainable);
    const names = lost.map(({ variableName }) => nodeName(variableName));
    if (lost.length > 0) refuse("trainable_variables", `${count(lost.length, "trainable variable")} (${list(names)})`);
  }

  // The op list is what export_meta_graph adds: without it somebody assembled the message, and may do without the rest.
  if (!metaGraph.metaInfoDef?.strippedOpList) return;
  if (!has("cond_context") && !has("while_context")) {
    const lost = controlFlow(nodes);
    if (lost) refuse("cond_context", `the conditional or loop of '${lost}'`);
  }
  if (!has("update_ops")) {
    const lost = movingAverageUpdates(nodes);
    if (lost.length > 0) refuse("update_ops", `updates of moving averages of batch normalization (${list(lost)})`);
  }
}

function refuse(collection: string, found: string): never {
  throw new InvalidArgumentError(
    `The MetaGraphDef has ${found} but no collection '${collection}': the file seems cut short. ` +
      "Get it whole, or decode it with { partial: true } if it was made so.",
  );
}

function count(n: number, noun: string): string {
  return n === 1 ? `1 ${noun}` : `${n} ${noun}s`;
}

function list(names: readonly string[]): string {
  const shown = names
    .slice(0, 2)
    .map((name) => `'${name}'`)
    .join(", ");
  return names.length > 2 ? `${shown}, …` : shown;
}

/** "scope/x" of the input or tensor name "^scope/x", "scope/x:1". */
function nodeName(input: string): string {
  return input.replace(/^\^|:\d+$/g, "");
}

function variableDefs(metaGraph: MetaGraphDef, collection: string): VariableDef[] {
  const { kind } = Object.hasOwn(metaGraph.collectionDef, collection) ? metaGraph.collectionDef[collection] : {};
  if (kind?.case !== "bytesList") return [];
  try {
    return kind.value.value.map((bytes) => fromBinary(VariableDefSchema, bytes));
  } catch {
    return [];
  }
}

/** Name of a loop's or a `tf.cond`'s Switch. A tf.cond names its predicate pred_id, with switch_t beside it; a bare
 * `switch` has no context. A conditional inside a loop is stored with the loop, and the other way round. */
function controlFlow(nodes: readonly NodeDef[]): string | undefined {
  const names = new Set(nodes.map(({ name }) => name));
  return nodes.find(({ op, input }) => {
    if (op === "LoopCond") return true;
    if (op !== "Switch" || input.length < 2) return false;
    const predicate = nodeName(input[1]);
    return /(^|\/)pred_id$/.test(predicate) && names.has(predicate.replace(/pred_id$/, "switch_t"));
  })?.name;
}

const PASSES = new Set(["Identity", "Squeeze", "Reshape", "Cast", "Switch", "Merge", "RefSwitch", "RefMerge"]);

/**
 * Names of the updates `v -= (v - batch) * decay` whose batch value comes from a fused batch normalization. Left out are those
 * that the layer forces itself (`updates_collections=None` of tf.contrib.layers: an identity of the layer's output depends on
 * them and the net goes on from it), which TensorFlow collects nowhere.
 */
function movingAverageUpdates(nodes: readonly NodeDef[]): string[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const dataInput = (node: NodeDef, i: number): NodeDef | undefined => byName.get(nodeName(node.input[i] ?? ""));

  const fromBatchNorm = (start: NodeDef | undefined): boolean => {
    const seen = new Set<NodeDef>();
    const open = start ? [start] : [];
    for (let node = open.pop(); node; node = open.pop()) {
      if (node.op.startsWith("FusedBatchNorm")) return true;
      if (seen.has(node) || !PASSES.has(node.op)) continue;
      seen.add(node);
      // A Switch passes on its first input, a Merge any of them.
      const passed = node.op.endsWith("Merge") ? node.input.length : 1;
      for (let i = 0; i < passed; i++) {
        const input = dataInput(node, i);
        if (input) open.push(input);
      }
    }
    return false;
  };

  const updates = nodes.filter((node) => {
    if (node.op !== "AssignSub" && node.op !== "AssignSubVariableOp") return false;
    const product = dataInput(node, 1);
    if (product?.op !== "Mul") return false;
    return [0, 1].some((i) => {
      const difference = dataInput(product, i);
      return difference?.op === "Sub" && fromBatchNorm(dataInput(difference, 1));
    });
  });
  if (updates.length === 0) return [];

  const consumed = new Set(nodes.flatMap(({ input }) => input.filter((name) => !name.startsWith("^")).map(nodeName)));
  const forced = new Set(
    nodes
      .filter(({ op, name, input }) => op === "Identity" && consumed.has(name) && !input[0]?.startsWith("^"))
      .flatMap(({ input }) => input.slice(1).map(nodeName)),
  );
  return updates.map(({ name }) => name).filter((name) => !forced.has(name));
}
