import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import fc from "fast-check";
import {
  checkComplete,
  createMetaGraphDef,
  DataType,
  decodeCondContextDef,
  decodeMetaGraphDef,
  decodeVariableDef,
  encodeCondContextDef,
  encodeMetaGraphDef,
  encodeVariableDef,
  metaGraphDefFromJson,
  metaGraphDefToJson,
  type MetaGraphDef,
  type NodeDefInit,
} from "../../src/formats/metaGraphDef.ts";
import { shortestFloat32 } from "../../src/formats/protobuf/json.ts";
import { InvalidArgumentError } from "../../src/graph/errors.ts";

const programs = ["tutorial", "lenet_momentum", "lenet_resource", "resnet_adam_schedule"];
const withJson = ["tutorial", "lenet_momentum"];

function golden(path: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../golden/${path}`, import.meta.url)));
}

function meta(program: string): Uint8Array {
  return golden(`metagraph/${program}/graph.meta`);
}

function json(program: string): unknown {
  return JSON.parse(new TextDecoder().decode(golden(`metagraph/${program}/graph.json`)));
}

/** Message of the InvalidArgumentError that `run` throws. */
function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof InvalidArgumentError) return error.message;
    throw error;
  }
  throw new Error("Nothing was thrown.");
}

/** "done", or the name of the error thrown. */
function outcome(run: () => unknown): string {
  try {
    run();
    return "done";
  } catch (error) {
    return (error as Error).name;
  }
}

/** Ends of the outermost fields. */
function borders(bytes: Uint8Array): number[] {
  const ends: number[] = [];
  for (let at = 0; at < bytes.length;) {
    at++;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      length += (bytes[at] & 127) << shift;
      if (bytes[at++] < 128) break;
    }
    at += length;
    ends.push(at);
  }
  return ends;
}

describe("binary", () => {
  it.each(programs)("re-encodes %s to TensorFlow's bytes", (program) => {
    expect(encodeMetaGraphDef(decodeMetaGraphDef(meta(program)))).toEqual(meta(program));
  });

  it("reads nodes, attributes and collections", () => {
    const { metaInfoDef, graphDef, saverDef, collectionDef } = decodeMetaGraphDef(meta("tutorial"));
    expect(metaInfoDef?.tensorflowVersion).toBe("2.21.0");
    expect(graphDef?.versions?.producer).toBe(2474);
    expect(saverDef?.restoreOpName).toBe("save/restore_all");
    const conv = graphDef?.node.find(({ name }) => name === "conv_1/Conv2D");
    expect(conv).toMatchObject({ op: "Conv2D", input: ["input_node", "conv_1/kernel/read"] });
    expect(conv?.attr.T.value).toEqual({ case: "type", value: DataType.DT_FLOAT });
    expect(conv?.attr.strides.value).toMatchObject({ case: "list", value: { i: [1n, 2n, 2n, 1n] } });
    expect(Object.keys(collectionDef)).toEqual(["cond_context", "trainable_variables", "update_ops", "variables"]);
    expect(collectionDef.update_ops.kind).toMatchObject({
      case: "nodeList",
      value: { value: ["bn/AssignMovingAvg", "bn/AssignMovingAvg_1"] },
    });
  });

  it("keeps fields that the schema does not have", () => {
    // object_graph_def = 7 { nodes = 1 { } } behind the graph.
    const bytes = new Uint8Array([...encodeMetaGraphDef({ graphDef: {} }), 0x3a, 2, 0x0a, 0]);
    const read = decodeMetaGraphDef(bytes);
    expect(encodeMetaGraphDef(read)).toEqual(bytes);
    expect(encodeMetaGraphDef({ ...read })).toEqual(bytes);
    expect(metaGraphDefToJson(read)).toEqual({ graphDef: {} });
  });

  it("reads and writes the messages inside collections", () => {
    const { collectionDef } = decodeMetaGraphDef(meta("lenet_resource"));
    const values = (name: string): Uint8Array[] => {
      const { kind } = collectionDef[name];
      return kind.case === "bytesList" ? kind.value.value : [];
    };
    for (const bytes of values("variables")) expect(encodeVariableDef(decodeVariableDef(bytes))).toEqual(bytes);
    expect(decodeVariableDef(values("trainable_variables")[0])).toMatchObject({ isResource: true, trainable: true });
    expect(values("cond_context").length).toBe(8);
    for (const bytes of values("cond_context")) {
      const context = decodeCondContextDef(bytes);
      expect(context.contextName).toMatch(/cond/);
      expect(encodeCondContextDef(context)).toEqual(bytes);
    }
    expect(refusal(() => decodeVariableDef(new Uint8Array([0x0a, 5, 1])))).toBe(
      "The 3 bytes are no VariableDef: premature EOF.",
    );
  });
});

describe("JSON", () => {
  it.each(withJson)("writes %s as TensorFlow does", (program) => {
    expect(metaGraphDefToJson(decodeMetaGraphDef(meta(program)))).toEqual(json(program));
  });

  it.each(withJson)("reads %s to the same message as the binary file", (program) => {
    const read = metaGraphDefFromJson(json(program));
    expect(read).toEqual(decodeMetaGraphDef(meta(program)));
    expect(metaGraphDefToJson(read)).toEqual(json(program));
  });

  it("takes a string, snake_case names, unknown fields and null", () => {
    const text = `{ "graph_def": { "node": [{ "name": "x", "op": "NoOp", "novelty": [1] }], "versions": null }, "new_in_3": {} }`;
    const read = metaGraphDefFromJson(text);
    expect(read).toEqual(createMetaGraphDef({ graphDef: { node: [{ name: "x", op: "NoOp" }] } }));
    expect(metaGraphDefToJson(read)).toEqual({ graphDef: { node: [{ name: "x", op: "NoOp" }] } });
  });

  const attribute = (attr: unknown): unknown =>
    metaGraphDefFromJson({ graphDef: { node: [{ name: "n", op: "Op", attr: { a: attr } }] } }).graphDef?.node[0].attr.a
      .value.value;

  it("rounds floats to float32 and writes float32's digits", () => {
    expect(attribute({ f: 0.99 })).toBe(Math.fround(0.99));
    expect(attribute({ f: "1e-3" })).toBe(Math.fround(0.001));
    expect(attribute({ f: 3.4028235e38 })).toBe(3.4028234663852886e38);
    expect(attribute({ f: "NaN" })).toBeNaN();
    expect(attribute({ f: "-Infinity" })).toBe(-Infinity);
    expect(attribute({ tensor: { doubleVal: [0.1] } })).toMatchObject({ doubleVal: [0.1] });
    const out = metaGraphDefToJson({
      graphDef: {
        node: [
          {
            attr: {
              list: {
                value: { case: "list", value: { f: [0.99, -0, Number.NaN, Infinity, -0.13801311].map(Math.fround) } },
              },
              zero: { value: { case: "f", value: 0 } },
              long: { value: { case: "i", value: 2n ** 62n } },
              bytes: { value: { case: "s", value: new Uint8Array([255]) } },
            },
          },
        ],
      },
    });
    expect(out).toEqual({
      graphDef: {
        node: [
          {
            attr: {
              list: { list: { f: [0.99, "-0", "NaN", "Infinity", -0.13801311] } },
              zero: { f: 0 },
              long: { i: "4611686018427387904" },
              bytes: { s: "/w==" },
            },
          },
        ],
      },
    });
    expect(Object.is(attribute({ f: "-0" }), -0)).toBe(true);
  });

  it("writes every float32 with digits that give it back", () => {
    fc.assert(
      fc.property(fc.float(), (value) => {
        expect(Math.fround(shortestFloat32(value))).toBe(value);
      }),
      { seed: 1 },
    );
  });

  it("leaves out enum values that are newer than the schema, but never an attribute's only value", () => {
    expect(attribute({ list: { type: ["DT_FLOAT", "DT_NEW"] } })).toMatchObject({ type: [DataType.DT_FLOAT] });
    expect(attribute({ type: 1 })).toBe(DataType.DT_FLOAT);
    expect(refusal(() => attribute({ type: "DT_NEW" }))).toBe(
      `'graphDef.node[0].attr.a.type' in the JSON must be a value of DataType, it is "DT_NEW".`,
    );
  });

  it.each<[unknown, string]>([
    ["", "The MetaGraphDef is not JSON: Unexpected end of JSON input."],
    [[], "The JSON of a MetaGraphDef must be an object with 'graphDef', it is an array."],
    ["3", "The JSON of a MetaGraphDef must be an object with 'graphDef', it is 3."],
    [{}, "The JSON is no MetaGraphDef: it has no 'graphDef'."],
    [
      { node: [] },
      "The JSON is a bare GraphDef, without collections: a MetaGraphDef holds it as 'graphDef'. Export one with tf.compat.v1.train.export_meta_graph.",
    ],
    [{ graphDef: [] }, "'graphDef' in the JSON must be an object, it is an array."],
    [{ graphDef: { node: {} } }, "'graphDef.node' in the JSON must be an array, it is an object."],
    [{ graphDef: { node: [{ name: 3 }] } }, "'graphDef.node[0].name' in the JSON must be a string, it is 3."],
    [{ graphDef: { node: [null] } }, "'graphDef.node[0]' in the JSON must be an object, it is null."],
    [{ graphDef: {}, graph_def: {} }, "'graph_def' in the JSON is a second value for 'graph_def'."],
  ])("refuses %j", (value, message) => {
    expect(refusal(() => metaGraphDefFromJson(value))).toBe(message);
  });

  it.each<[unknown, string]>([
    [{ i: 0.5 }, "i' in the JSON must be a whole number of 64 bits as a string, it is 0.5."],
    [{ i: 2 ** 60 }, "i' in the JSON must be a whole number of 64 bits as a string, it is 1152921504606847000."],
    [
      { i: "9223372036854775808" },
      `i' in the JSON must be a whole number of 64 bits as a string, it is "9223372036854775808".`,
    ],
    [{ f: 1e39 }, "f' in the JSON must be a float32 number, it is 1e+39."],
    [{ f: "" }, `f' in the JSON must be a float32 number, it is "".`],
    [{ b: 1 }, "b' in the JSON must be true or false, it is 1."],
    [{ s: "?" }, `s' in the JSON must be a base64 string, it is "?".`],
    [{ i: "1", f: 1 }, "f' in the JSON is a second value for 'value'."],
    [
      { tensor: { intVal: [1, 2147483648] } },
      "tensor.intVal[1]' in the JSON must be a whole number of 32 bits, it is 2147483648.",
    ],
    [
      { tensor: { uint32Val: [-1] } },
      "tensor.uint32Val[0]' in the JSON must be a whole number of 32 bits, not negative, it is -1.",
    ],
  ])("refuses the attribute %j", (value, message) => {
    expect(refusal(() => attribute(value))).toBe(`'graphDef.node[0].attr.a.${message}`);
  });

  it("refuses nesting without end", () => {
    let attr: unknown = { i: "1" };
    for (let i = 0; i < 200; i++) attr = { func: { attr: { a: attr } } };
    expect(refusal(() => attribute(attr))).toMatch(/ in the JSON is nested more than 100 deep\.$/);
  });

  it("keeps names such as __proto__", () => {
    const node = `{ "name": "n", "op": "Op", "attr": { "__proto__": { "b": true } } }`;
    const read = metaGraphDefFromJson(`{ "graphDef": { "node": [${node}] } }`);
    const again = decodeMetaGraphDef(encodeMetaGraphDef(read));
    expect(again).toEqual(read);
    expect(JSON.stringify(metaGraphDefToJson(again))).toContain(`"attr":{"__proto__":{"b":true}}`);
  });
});

describe("building", () => {
  it("fills what is left out, at every depth, also in a message that was decoded", () => {
    const metaGraph = createMetaGraphDef({ graphDef: { node: [{ name: "x" }] } });
    expect(metaGraph.graphDef?.node[0]).toMatchObject({ name: "x", op: "", input: [], attr: {} });
    const [first] = metaGraph.graphDef!.node;
    const init: NodeDefInit = { name: "y", attr: { T: { value: { case: "type", value: DataType.DT_FLOAT } } } };
    const bytes = encodeMetaGraphDef({ ...metaGraph, graphDef: { node: [first, init] } });
    expect(decodeMetaGraphDef(bytes).graphDef?.node[1].attr.T.value).toEqual({ case: "type", value: 1 });
  });

  it("refuses a value that the format cannot hold", () => {
    expect(refusal(() => encodeMetaGraphDef({ graphDef: { versions: { producer: 0.5 } } }))).toMatch(
      /^The MetaGraphDef cannot be encoded: .*producer/,
    );
  });
});

describe("what is no MetaGraphDef", () => {
  const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
  const graphDef = (): Uint8Array => {
    // The field graph_def of the file, without its key and length.
    const [start, end] = borders(meta("tutorial"));
    return meta("tutorial").slice(start + 3, end);
  };

  it.each<[string, () => Uint8Array, string]>([
    ["a PNG", () => golden("tutorial/photo.png"), "This is no MetaGraphDef, but a PNG image."],
    [
      "a bare GraphDef",
      graphDef,
      "This is no MetaGraphDef, but a bare GraphDef (a frozen graph, .pb): it has no collections, hence no variables.",
    ],
    [
      "a checkpoint's index",
      () => golden("metagraph/tutorial/ckpt.index"),
      "This is no MetaGraphDef, but the index of a checkpoint (.index): it holds variables, no graph.",
    ],
    [
      "a SavedModel",
      () => new Uint8Array([8, 1, 0x12, ...meta("tutorial").subarray(0, 40)]),
      "This is no MetaGraphDef, but a SavedModel (saved_model.pb).",
    ],
    [
      "safetensors",
      () => golden("metagraph/tutorial/io.safetensors"),
      "This is no MetaGraphDef, but a safetensors file.",
    ],
    [
      "JSON",
      () => golden("metagraph/tutorial/graph.json"),
      "This is no MetaGraphDef, but JSON text: parse it with metaGraphDefFromJson.",
    ],
    [
      "a .pbtxt",
      () => ascii("meta_info_def {\n  stripped_op_list {\n  }\n}"),
      "This is no MetaGraphDef, but protobuf text format (.pbtxt).",
    ],
    ["text", () => ascii("import tensorflow as tf\n# grüße"), "This is no MetaGraphDef, but text."],
  ])("names %s", (_, bytes, message) => {
    expect(refusal(() => decodeMetaGraphDef(bytes()))).toBe(
      `${message} Export one with tf.compat.v1.train.export_meta_graph.`,
    );
  });

  it("refuses an empty file, zeros, a message without graph", () => {
    expect(refusal(() => decodeMetaGraphDef(new Uint8Array()))).toBe("The MetaGraphDef is empty: 0 bytes.");
    expect(refusal(() => decodeMetaGraphDef(new Uint8Array(100)))).toMatch(/^The 100 bytes are no MetaGraphDef: /);
    expect(refusal(() => decodeMetaGraphDef(golden("metagraph/tutorial/ckpt.data-00000-of-00001")))).toMatch(
      / bytes are no MetaGraphDef: /,
    );
    expect(refusal(() => decodeMetaGraphDef(encodeMetaGraphDef({ saverDef: {} })))).toBe(
      "The MetaGraphDef of 2 bytes has no graph_def: it is cut short or something else.",
    );
  });

  it("throws nothing but InvalidArgumentError, whatever the bytes", () => {
    const whole = meta("tutorial");
    const mutation = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutation), (sample) => {
        const bytes = sample instanceof Uint8Array ? sample : whole.slice();
        if (!(sample instanceof Uint8Array)) for (const [at, byte] of sample) bytes[at] = byte;
        expect(outcome(() => decodeMetaGraphDef(bytes))).toMatch(/^(done|InvalidArgumentError)$/);
      }),
      { seed: 2, numRuns: 500 },
    );
  });
});

describe("a file cut short", () => {
  it.each(programs)("%s is refused at every border of its outermost fields", (program) => {
    const bytes = meta(program);
    const ends = borders(bytes);
    expect(ends.pop()).toBe(bytes.length);
    for (const end of ends) {
      expect(() => decodeMetaGraphDef(bytes.subarray(0, end)), `at ${end}`).toThrow(InvalidArgumentError);
    }
  });

  it("is refused at every byte", () => {
    const bytes = meta("tutorial");
    for (let end = 0; end < bytes.length; end++) {
      expect(() => decodeMetaGraphDef(bytes.subarray(0, end)), `at ${end}`).toThrow(InvalidArgumentError);
    }
  });

  it.each(programs)("%s is refused inside a field even where its collections do not matter", (program) => {
    const bytes = meta(program);
    const ends = new Set([0, ...borders(bytes)]);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), (end) => {
        fc.pre(!ends.has(end));
        expect(() => decodeMetaGraphDef(bytes.subarray(0, end), { partial: true })).toThrow(InvalidArgumentError);
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  it("says where", () => {
    const bytes = meta("tutorial");
    const message = (end: number): string => refusal(() => decodeMetaGraphDef(bytes.subarray(0, end)));
    const [info, graph, saver, conditions] = borders(bytes);
    expect(message(info + 1000)).toBe(
      `The MetaGraphDef of ${info + 1000} bytes is cut short: it ends inside graph_def, with 997 of its ${graph - info - 3} bytes. Get the file whole.`,
    );
    expect(message(graph + 1)).toBe(
      `The MetaGraphDef of ${graph + 1} bytes is cut short: it ends behind graph_def. Get the file whole.`,
    );
    expect(message(info)).toBe(
      `The MetaGraphDef of ${info} bytes has no graph_def: it is cut short or something else.`,
    );
    const advice = "the file seems cut short. Get it whole, or decode it with { partial: true } if it was made so.";
    for (const end of [graph, saver, conditions]) {
      expect(message(end)).toBe(
        `The MetaGraphDef has 6 variables ('conv_1/kernel', 'conv_1/bias', …) but no collection 'variables': ${advice}`,
      );
    }
    expect(Object.keys(decodeMetaGraphDef(bytes.subarray(0, conditions), { partial: true }).collectionDef)).toEqual([
      "cond_context",
    ]);
  });
});

/** A golden program without one of its collections, as a cut leaves it in TensorFlow 1's files, whose order is any. */
function without(program: string, collection: string): MetaGraphDef {
  const metaGraph = decodeMetaGraphDef(meta(program));
  const { [collection]: _, ...rest } = metaGraph.collectionDef;
  return { ...metaGraph, collectionDef: rest };
}

describe("checkComplete", () => {
  it.each(programs)("misses each collection of %s that its graph needs", (program) => {
    for (const collection of ["variables", "trainable_variables", "cond_context", "update_ops"]) {
      const message = refusal(() => checkComplete(without(program, collection)));
      expect(message).toContain(`no collection '${collection}': the file seems cut short.`);
    }
  });

  it("names what shows the loss", () => {
    expect(refusal(() => checkComplete(without("tutorial", "update_ops")))).toContain(
      "updates of moving averages of batch normalization ('bn/AssignMovingAvg', 'bn/AssignMovingAvg_1')",
    );
    expect(refusal(() => checkComplete(without("tutorial", "cond_context")))).toContain(
      "of 'bn/cond/FusedBatchNormV3/Switch'",
    );
    expect(refusal(() => checkComplete(without("lenet_momentum", "trainable_variables")))).toContain(
      "10 trainable variables (",
    );
  });

  it.each([
    ["lenet_momentum", "global_step"],
    ["lenet_momentum", "train_op"],
    ["resnet_adam_schedule", "regularization_losses"],
  ])("does not see in the graph of %s that %s is lost", (program, collection) => {
    expect(() => checkComplete(without(program, collection))).not.toThrow();
  });

  const exported = { strippedOpList: {} };
  const build = (node: NodeDefInit[], collectionDef = {}): MetaGraphDef =>
    createMetaGraphDef({ metaInfoDef: exported, graphDef: { node }, collectionDef });
  const variables = (...names: string[]): object => ({
    kind: {
      case: "bytesList",
      value: { value: names.map((name) => encodeVariableDef({ variableName: `${name}:0` })) },
    },
  });

  it("takes graphs that have nothing to lose", () => {
    const whole = [
      build([]),
      build([{ name: "x", op: "Placeholder" }]),
      // A metric's variable: TensorFlow keeps it among the local ones only.
      build([{ name: "count", op: "VariableV2" }], { local_variables: variables("count") }),
      // A bare switch has no context.
      build([{ name: "s", op: "Switch", input: ["x", "p"] }]),
      // Somebody's own message, not export_meta_graph's.
      { ...without("tutorial", "update_ops"), metaInfoDef: undefined },
    ];
    for (const metaGraph of whole) expect(() => checkComplete(metaGraph)).not.toThrow();
  });

  it("refuses a variable that is not among the local ones", () => {
    const local = build([{ name: "w", op: "VarHandleOp" }], { local_variables: variables("count") });
    expect(refusal(() => checkComplete(local))).toContain("1 variable ('w') but no collection 'variables'");
  });

  it("refuses a loop without its context", () => {
    const loop = build([{ name: "while/LoopCond", op: "LoopCond", input: ["while/Less"] }]);
    expect(refusal(() => checkComplete(loop))).toContain("the conditional or loop of 'while/LoopCond'");
  });

  it("takes updates that the layer forces itself (updates_collections=None)", () => {
    const update: NodeDefInit[] = [
      { name: "bn", op: "FusedBatchNorm", input: ["x"] },
      { name: "sub", op: "Sub", input: ["mean/read", "bn:1"] },
      { name: "mul", op: "Mul", input: ["sub", "decay"] },
      { name: "avg", op: "AssignSub", input: ["mean", "mul"] },
      { name: "out", op: "Identity", input: ["bn", "^avg"] },
    ];
    expect(refusal(() => checkComplete(build(update)))).toContain("('avg')");
    const used = build([...update, { name: "relu", op: "Relu", input: ["out"] }]);
    expect(() => checkComplete(used)).not.toThrow();
  });
});
