/** Feeds from flags: `--feed name=value`, and zeros where a plan needs shapes only. */
import * as tf from "../src/entry/node.ts";
import { formatShape } from "../src/graph/shape.ts";
import { UsageError } from "./io.ts";

/** `x` or `x:0`: the tensor's name. */
export function tensorName(name: string): string {
  return /:\d+$/.test(name) ? name : `${name}:0`;
}

/** Splits `name=rest` at its first "=". */
export function splitFlag(flag: string, text: string, example: string): [name: string, rest: string] {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(`${flag} '${text}' lacks a name: write ${flag} ${example}.`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** `training=false`, `rate=0.5`, `x=[[1,2],[3,4]]`: values are JSON. */
export function parseFeeds(flags: readonly string[] = []): Map<string, tf.FeedValue> {
  return new Map(
    flags.map((text) => {
      const [name, value] = splitFlag("--feed", text, "training=false");
      try {
        return [tensorName(name), JSON.parse(value) as tf.FeedValue];
      } catch {
        throw new UsageError(
          `--feed ${name} has the value '${value}', which is not JSON: write a number, true, false or [1, 2].`,
        );
      }
    }),
  );
}

/** `x=2,28,28,1`: the shape of a feed whose values do not matter. */
function parseShapes(flags: readonly string[] = []): Map<string, readonly number[]> {
  return new Map(
    flags.map((text) => {
      const [name, sizes] = splitFlag("--shape", text, "input=32,28,28,1");
      const shape = sizes === "" ? [] : sizes.split(",").map(Number);
      if (!shape.every((size) => Number.isInteger(size) && size >= 0))
        throw new UsageError(`--shape ${name} is '${sizes}': write whole numbers with commas, as in 32,28,28,1.`);
      return [tensorName(name), shape];
    }),
  );
}

/** Feeds for a run that is only planned: what was given, and zeros for every other placeholder that the fetches reach. */
export function planFeeds(
  graph: tf.Graph,
  fetches: readonly (tf.Tensor | tf.Operation)[],
  options: { feed?: readonly string[]; shape?: readonly string[]; batch: number },
): Map<string, tf.FeedValue> {
  const feeds = parseFeeds(options.feed);
  const shapes = parseShapes(options.shape);
  for (const [name, shape] of shapes) feeds.set(name, zeros(graph.getTensorByName(name), shape));
  for (const op of reached(fetches, new Set(feeds.keys()))) {
    if (op.type !== "Placeholder" || feeds.has(`${op.name}:0`)) continue;
    const tensor = op.outputs[0];
    const shape = tensor.shape?.map((size, i) => size ?? (i === 0 ? options.batch : null));
    if (!shape?.every((size) => size !== null)) {
      throw new UsageError(
        `The placeholder '${op.name}' has the shape ${formatShape(tensor.shape)}: say which to plan for, as in --shape ${op.name}=${options.batch},28,28,1.`,
      );
    }
    feeds.set(tensor.name, zeros(tensor, shape));
  }
  return feeds;
}

function zeros(tensor: tf.Tensor, shape: readonly number[]): tf.FeedValue {
  const { array, name } = tensor.dtype.base;
  if (!array) throw new UsageError(`'${tensor.name}' has the dtype ${name}, which cannot be fed.`);
  return { data: new array(shape.reduce((product, size) => product * size, 1)), shape, dtype: name };
}

function reached(fetches: readonly (tf.Tensor | tf.Operation)[], fed: ReadonlySet<string>): Set<tf.Operation> {
  const seen = new Set<tf.Operation>();
  const stack: tf.Operation[] = [];
  const visit = (op: tf.Operation): void => {
    if (seen.has(op)) return;
    seen.add(op);
    stack.push(op);
  };
  for (const fetch of fetches) visit(fetch instanceof tf.Tensor ? fetch.op : fetch);
  for (let op = stack.pop(); op; op = stack.pop()) {
    for (const input of op.inputs) if (!fed.has(input.name)) visit(input.op);
    for (const input of op.controlInputs) visit(input);
  }
  return seen;
}

/** What the fetches of a command name: `loss` may be an operation's or, of its only output, a tensor's name. */
export function findFetches(graph: tf.Graph, names: readonly string[]): (tf.Tensor | tf.Operation)[] {
  return names.map((name) => (name.includes(":") ? graph.getTensorByName(name) : graph.getOperationByName(name)));
}
