/** Graphs in and out: the tutorial's export is TensorFlow's own, and TensorFlow's file runs here. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decodeCondContextDef, decodeVariableDef } from "../../src/formats/metaGraphDef.ts";
import * as tf from "../../src/entry/node.ts";
import { buildTutorial } from "../helpers/tutorial.ts";

interface JsonNode {
  name: string;
  op: string;
  input?: string[];
  device?: string;
  attr?: { [name: string]: unknown };
}

interface JsonMetaGraph {
  graphDef: { node: JsonNode[] };
  collectionDef: { [name: string]: { nodeList?: unknown; bytesList?: { value: string[] } } };
}

const folder = new URL("../golden/metagraph/tutorial/", import.meta.url);
const golden: JsonMetaGraph = JSON.parse(readFileSync(new URL("graph.json", folder), "utf8"));
const goldenBytes = readFileSync(new URL("graph.meta", folder));

/** Whatever the export differs in from TensorFlow 2.21's own, each with its reason. */
const differences = {
  attributes: {
    // Written since TensorFlow 2.4 on operations that a control dependency names; TensorFlow 1 has no such attribute.
    _has_manual_control_dependencies: () => true,
    // reserve_space_3 is a scalar of the CPU kernel; TensorFlow leaves its rank open for cuDNN's buffer.
    _output_shapes: (node: JsonNode) => node.op === "FusedBatchNormV3",
  } as { [name: string]: (node: JsonNode) => boolean },
  // The Saver's nodes: a file on disk has no place here, checkpoints are the session's.
  nodes: (name: string) => name.startsWith("save/"),
};

describe("export", () => {
  test("the tutorial's nodes and attributes are those of TensorFlow's graph.json", async () => {
    const { graph } = buildTutorial();
    const ours = (await tf.exportMetaGraphJson(graph)) as unknown as JsonMetaGraph;
    const wanted = golden.graphDef.node.filter((node) => !differences.nodes(node.name));
    // `net` is made before train_op there as here.
    expect(ours.graphDef.node.map((node) => node.name)).toEqual(wanted.map((node) => node.name));
    const described = ({ name, op, input, device, attr = {} }: JsonNode): object => ({
      name,
      op,
      device,
      input,
      attr: Object.fromEntries(Object.entries(attr).filter(([key]) => !differences.attributes[key]?.({ name, op }))),
    });
    expect(ours.graphDef.node.map(described)).toEqual(wanted.map(described));
  });

  test("its collections too", async () => {
    const { graph } = buildTutorial();
    const ours = (await tf.exportMetaGraphJson(graph)) as unknown as JsonMetaGraph;
    const bytes = (name: string, from: JsonMetaGraph): Uint8Array[] =>
      from.collectionDef[name].bytesList!.value.map((text) => new Uint8Array(Buffer.from(text, "base64")));
    expect(Object.keys(ours.collectionDef).sort()).toEqual(Object.keys(golden.collectionDef).sort());
    expect(ours.collectionDef.update_ops).toEqual(golden.collectionDef.update_ops);
    for (const name of ["variables", "trainable_variables"]) {
      expect(bytes(name, ours).map(decodeVariableDef)).toEqual(bytes(name, golden).map(decodeVariableDef));
    }
    // Compared decoded: TensorFlow writes the map of external values in the order of a hash table.
    expect(bytes("cond_context", ours).map(decodeCondContextDef)).toEqual(
      bytes("cond_context", golden).map(decodeCondContextDef),
    );
  });

  test("a graph goes through bytes and back unchanged", async () => {
    const { graph } = buildTutorial();
    const once = await tf.exportMetaGraph(graph);
    const again = await tf.exportMetaGraph(await tf.importMetaGraph(once));
    expect(Buffer.from(again).equals(Buffer.from(once))).toBe(true);
  });

  test("an imported graph keeps what trainlet does not interpret", async () => {
    const json = await tf.exportMetaGraphJson(await tf.importMetaGraph(goldenBytes));
    expect(json).toEqual(golden);
  });
});

describe("import", () => {
  const node = (name: string, op: string, inputs: string[] = [], attr: object = {}): object => ({
    name,
    op,
    input: inputs,
    attr,
  });
  const constant = (name: string, value: number): object =>
    node(name, "Const", [], {
      dtype: { type: "DT_FLOAT" },
      value: { tensor: { dtype: "DT_FLOAT", tensorShape: {}, floatVal: [value] } },
    });
  const float = { T: { type: "DT_FLOAT" } };
  const metaGraph = (...nodes: object[]): object => ({ graphDef: { node: nodes } });

  test("from JSON text, parsed JSON and bytes the same graph comes", async () => {
    const text = readFileSync(new URL("graph.json", folder), "utf8");
    const [fromText, fromJson, fromBytes] = await Promise.all(
      [text, golden, goldenBytes].map((source) => tf.importMetaGraph(source)),
    );
    const names = (graph: tf.Graph): string[] =>
      graph.operations.map((op) => `${op.name} ${op.type} ${op.inputs.map((item) => item.name).join()}`);
    expect(names(fromJson)).toEqual(names(fromText));
    expect(names(fromBytes)).toEqual(names(fromText));
    expect(fromBytes.getCollection<tf.Operation>("update_ops").map((op) => op.name)).toEqual([
      "bn/AssignMovingAvg",
      "bn/AssignMovingAvg_1",
    ]);
    expect(fromBytes.getCollection<tf.Variable>("variables").map((variable) => variable.name)).toContain(
      "bn/moving_mean:0",
    );
  });

  test("new operations do not take imported names", async () => {
    const graph = await tf.importMetaGraph(metaGraph(constant("a/b", 1)));
    expect(graph.asDefault(() => tf.constant(1, { name: "a" }).op.name)).toBe("a_1");
  });

  test("a cycle is refused with its nodes", async () => {
    const cyclic = metaGraph(node("a", "Neg", ["b"], float), node("b", "Neg", ["a"], float));
    await expect(tf.importMetaGraph(cyclic)).rejects.toThrow("The graph has a cycle: 'a' takes 'b' takes 'a'.");
  });

  test("a while loop may stand in the graph; fetching it is refused by name", async () => {
    const graph = await tf.importMetaGraph(
      metaGraph(
        constant("start", 1),
        node("loop/Enter", "Enter", ["start"], float),
        node("loop/Merge", "Merge", ["loop/Enter", "loop/NextIteration"], { ...float, N: { i: "2" } }),
        node("loop/NextIteration", "NextIteration", ["loop/Merge"], float),
        node("loop/Exit", "Exit", ["loop/Merge"], float),
      ),
    );
    const session = await tf.Session.create({ graph });
    await expect(session.run("loop/Exit")).rejects.toThrow(
      "Operation 'loop/NextIteration' (op: 'NextIteration') cannot run: while loops are not supported; unroll the loop, or train without it.",
    );
    expect((await session.run("start:0")).item()).toBe(1);
  });

  test("an operation that is not supported is named with its node, and only when fetched", async () => {
    const graph = await tf.importMetaGraph(
      metaGraph(constant("x", 2), node("cell/fft", "FFT2D", ["x"]), node("y", "Neg", ["x"], float)),
    );
    const session = await tf.Session.create({ graph });
    expect((await session.run("y:0")).item()).toBe(-2);
    await expect(session.run("cell/fft:0")).rejects.toMatchObject({ name: "UnimplementedError" });
    await expect(session.run("cell/fft")).rejects.toThrow(
      "Operation 'cell/fft' (op: 'FFT2D') cannot run: 'FFT2D' is not supported; FEATURES.md lists what is.",
    );
    expect((await session.run("y:0")).item()).toBe(-2);
  });

  test("a form that is not run here is kept, and refused when fetched", async () => {
    const nchw = { ...float, data_format: { s: Buffer.from("NCHW").toString("base64") } };
    const graph = await tf.importMetaGraph(
      metaGraph(constant("x", 2), constant("b", 1), node("y", "BiasAdd", ["x", "b"], nchw)),
    );
    const session = await tf.Session.create({ graph });
    await expect(session.run("y:0")).rejects.toThrow(
      "data_format 'NCHW' is not supported, convert the graph to NHWC for 'y' (op: 'BiasAdd') with input shapes: [], [].",
    );
  });

  test.each<[string, object, string]>([
    [
      "an input that is not there",
      metaGraph(node("a", "Neg", ["b"], float)),
      "Node 'a' takes 'b', which the graph does not have.",
    ],
    [
      "an output that is not there",
      metaGraph(constant("x", 1), node("a", "Neg", ["x:3"], float)),
      "Node 'a' takes 'x:3', but 'x' has 1 outputs.",
    ],
    ["two nodes of one name", metaGraph(constant("x", 1), constant("x", 2)), "The graph has two nodes called 'x'."],
    [
      "a node without a name",
      metaGraph(node("", "Neg")),
      'The graph has a node without a name or an op: {"name":"","op":"Neg"}.',
    ],
    [
      "a missing attribute",
      metaGraph(node("x", "Const")),
      "'x' (op: 'Const') needs an attribute 'dtype' of kind type.",
    ],
    ["too few inputs", metaGraph(node("x", "Neg", [], float)), "Node 'x' (op: 'Neg') lacks its input 0."],
    [
      "a constant of the wrong size",
      metaGraph(
        node("x", "Const", [], {
          dtype: { type: "DT_FLOAT" },
          value: { tensor: { dtype: "DT_FLOAT", tensorShape: { dim: [{ size: "2" }] }, tensorContent: "AAAA" } },
        }),
      ),
      "The constant 'x' has 3 bytes, its shape [2] of float32 needs 8.",
    ],
    ["JSON that is no MetaGraphDef", {}, "The JSON is no MetaGraphDef: it has no 'graphDef'."],
  ])("%s", async (_, source, message) => {
    await expect(tf.importMetaGraph(source)).rejects.toThrow(message);
  });

  test("a file cut short is refused, wherever it is cut", async () => {
    for (const share of [0, 0.1, 0.5, 0.9, 0.999]) {
      await expect(
        tf.importMetaGraph(goldenBytes.subarray(0, Math.floor(goldenBytes.length * share))),
      ).rejects.toMatchObject({ name: "InvalidArgumentError" });
    }
  });
});
