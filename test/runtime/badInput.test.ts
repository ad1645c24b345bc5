/** Every mistake a user can make gets one sentence, and nothing is lost: the session works on, variables as before. */
import { beforeEach, describe, expect, test } from "vitest";
import { decodeSafetensors, encodeSafetensors } from "../../src/formats/safetensors.ts";
import * as tf from "../../src/entry/node.ts";
import { buildTutorial, readPhoto, type Tutorial } from "../helpers/tutorial.ts";

const image = readPhoto();
let tutorial: Tutorial;
let session: tf.Session;

beforeEach(async () => {
  tutorial = buildTutorial();
  session = await tf.Session.create({ graph: tutorial.graph, onWarning: () => {} });
  await session.run(tutorial.init);
  await session.run(tutorial.trainOp, { "input_node:0": image });
});

/** Runs `mistake`, checks its class and sentence, and that the session is as it was. */
async function expectMistake(mistake: () => unknown, type: string, message: unknown): Promise<void> {
  const before = [...session.variables()].map(([name, { data }]) => [name, data] as const);
  const error = await (async () => mistake())().then(
    () => null,
    (reason: Error) => reason,
  );
  expect(error, "the mistake went through").toBeInstanceOf(Error);
  expect(error!.name).toBe(type);
  expect(error!.message).toEqual(message);
  expect([...session.variables()].map(([name, { data }]) => [name, data] as const)).toEqual(before);
  const net = await session.run(tutorial.net, { "input_node:0": image, "training:0": false });
  expect(Number.isFinite(net.data[0])).toBe(true);
}

describe("feeds and fetches", () => {
  test("a missing feed", () =>
    expectMistake(
      () => session.run(tutorial.trainOp),
      "InvalidArgumentError",
      "You must feed a value for placeholder tensor 'input_node' with dtype float and shape [?,100,100,3].",
    ));

  test("a wrong shape", () =>
    expectMistake(
      () =>
        session.run(tutorial.trainOp, {
          "input_node:0": { data: new Float32Array(99 * 100 * 3), shape: [1, 99, 100, 3] },
        }),
      "InvalidArgumentError",
      "Cannot feed value of shape [1,99,100,3] for Tensor 'input_node:0', which has shape [?,100,100,3].",
    ));

  test("data that does not fill its shape", () =>
    expectMistake(
      () => session.run(tutorial.trainOp, { "input_node:0": { data: new Float32Array(5), shape: [1, 100, 100, 3] } }),
      "InvalidArgumentError",
      "The value fed to 'input_node:0' has 5 elements, its shape [1,100,100,3] needs 30000.",
    ));

  test.each<[string, tf.FeedValue, string]>([
    ["a boolean", true, "Cannot feed the boolean true for Tensor 'step:0', which has dtype int32."],
    ["a fraction", 1.5, "Cannot feed the fractional number 1.5 for Tensor 'step:0', which has dtype int32."],
    [
      "a number out of range",
      2 ** 31,
      "Cannot feed 2147483648, which is out of range, for Tensor 'step:0', which has dtype int32.",
    ],
    [
      "a fractional Float32Array",
      new Float32Array([0.5]),
      "Cannot feed the fractional number 0.5 for Tensor 'step:0', which has dtype int32.",
    ],
  ])("a wrong dtype: %s", async (_, value, message) => {
    tutorial.graph.asDefault(() => tf.placeholder(tf.int32, null, "step"));
    await expectMistake(() => session.run("step:0", { "step:0": value }), "InvalidArgumentError", message);
  });

  test("a number for a boolean", () =>
    expectMistake(
      () => session.run(tutorial.net, { "input_node:0": image, "training:0": 1 }),
      "InvalidArgumentError",
      "Cannot feed the number 1 for Tensor 'training:0', which has dtype bool.",
    ));

  test("a ragged array", () =>
    expectMistake(
      () => session.run(tutorial.trainOp, { "input_node:0": [[1, 2], [3]] }),
      "InvalidArgumentError",
      "The nested array for 'input_node:0' is ragged: its rows differ in length.",
    ));

  test("null and strings", async () => {
    await expectMistake(
      () => session.run(tutorial.trainOp, { "input_node:0": null as unknown as number }),
      "InvalidArgumentError",
      "A null cannot be fed to 'input_node:0'; use a number, boolean, nested array, typed array or { data, shape }.",
    );
    await expectMistake(
      () => session.run(tutorial.trainOp, { "input_node:0": "cat" as unknown as number }),
      "InvalidArgumentError",
      "A string cannot be fed to 'input_node:0'; use a number, boolean, nested array, typed array or { data, shape }.",
    );
  });

  test("an unknown fetch, an unknown feed", async () => {
    await expectMistake(
      () => session.run("nothing:0"),
      "NotFoundError",
      "Fetch argument 'nothing:0' cannot be interpreted as a Tensor or Operation. (The name 'nothing:0' refers to a Tensor which does not exist. The operation, 'nothing', does not exist in the graph.)",
    );
    await expectMistake(
      () => session.run("net:7", { "input_node:0": image }),
      "NotFoundError",
      "Fetch argument 'net:7' cannot be interpreted as a Tensor or Operation. (The name 'net:7' refers to a Tensor which does not exist. The operation, 'net', has 1 outputs.)",
    );
    await expectMistake(
      () => session.run("net:0", { "x:0": 1 }),
      "NotFoundError",
      expect.stringMatching(/^Feed argument 'x:0' cannot be interpreted as a Tensor\. /),
    );
  });

  test("something that is no fetch", () =>
    expectMistake(
      () => session.run(null as unknown as string),
      "InvalidArgumentError",
      "Fetch argument null has invalid type null, must be a tensor, an operation or a name.",
    ));

  test("a tensor of another graph", () =>
    expectMistake(
      () => session.run(buildTutorial().net),
      "InvalidArgumentError",
      "Fetch argument 'net:0' cannot be interpreted as a Tensor. (It is not an element of this session's graph.)",
    ));

  test("a branch that is not taken", () =>
    expectMistake(
      () => session.run("bn/cond/FusedBatchNormV3_1:0", { "input_node:0": image }),
      "InvalidArgumentError",
      "'bn/cond/FusedBatchNormV3_1:0' has no value in this run: it belongs to a branch of cond that was not taken. Fetch the result of cond, or feed its predicate otherwise.",
    ));

  test("a repeat that is no count", () =>
    expectMistake(
      () => session.run(tutorial.trainOp, { "input_node:0": image }, { repeat: 0 }),
      "InvalidArgumentError",
      "repeat must be an integer of at least 1, got 0.",
    ));
});

describe("state", () => {
  test("an uninitialised variable", async () => {
    const fresh = await tf.Session.create({ graph: tutorial.graph, onWarning: () => {} });
    await expect(fresh.run(tutorial.trainOp, { "input_node:0": image })).rejects.toThrow(
      /^Attempting to use uninitialized value '[a-z_/0-9]+'\. Run globalVariablesInitializer\(\) or restore a checkpoint first\.$/,
    );
    expect(fresh.variables().size).toBe(0);
    await fresh.run(tutorial.init);
    await fresh.run(tutorial.trainOp, { "input_node:0": image });
  });

  test("a closed session", async () => {
    session.close();
    await expect(session.run(tutorial.init)).rejects.toThrow("Attempted to use a closed Session.");
  });

  test("more memory than the limit", async () => {
    const small = await tf.Session.create({ graph: tutorial.graph, maxMemoryBytes: 256 * 1024, onWarning: () => {} });
    await small.run(tutorial.init);
    await expect(small.run(tutorial.trainOp, { "input_node:0": image })).rejects.toThrow(
      /^This step needs \d+\.\d [KM]iB of tensor memory, the limit is 256\.0 KiB \(largest: 'conv_1\/BiasAdd:0' \[1,50,50,32\] float32, 312\.5 KiB\)\. Feed a smaller batch or raise maxMemoryBytes\.$/,
    );
    const [mean] = await small.run(["bn/moving_mean/read:0"]);
    expect([...mean.data]).toEqual(new Array(32).fill(0));
    expect(small.memory.totalBytes).toBeLessThan(2 * 1024 ** 2);
  });

  test("a batch whose sizes overflow", () =>
    expectMistake(
      () =>
        session.run(tutorial.trainOp, {
          "input_node:0": { data: { length: 2 ** 40 * 30_000 } as never, shape: [2 ** 40, 100, 100, 3] },
        }),
      "InvalidArgumentError",
      "The data fed to 'input_node:0' must be an array or a typed array.",
    ));

  test("loading a variable that does not exist, or of another shape, loads none", async () => {
    await expectMistake(
      () => session.load({ "bn/gamma": new Float32Array(32), nothing: 1 }),
      "NotFoundError",
      "The graph has no variable called 'nothing'.",
    );
    await expectMistake(
      () => session.load({ "bn/beta": new Float32Array(32), "bn/gamma": new Float32Array(5) }),
      "InvalidArgumentError",
      "Cannot feed value of shape [5] for Tensor 'bn/gamma:0', which has shape [32].",
    );
  });
});

describe("checkpoints", () => {
  test("offsets that lie", async () => {
    const file = await session.checkpoint();
    const header = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
    const text = new TextDecoder().decode(file.subarray(8, 8 + header));
    const lying = text.replace(/"data_offsets":\[0,128\]/, '"data_offsets":[0,129]');
    expect(lying).not.toBe(text);
    const bytes = new Uint8Array([
      ...file.subarray(0, 8),
      ...new TextEncoder().encode(lying),
      ...file.subarray(8 + header),
    ]);
    await expectMistake(() => session.restore(bytes), "InvalidArgumentError", expect.stringMatching(/'.*'.*129|129/));
    await expectMistake(
      () => session.restore(file.subarray(0, 100)),
      "InvalidArgumentError",
      expect.stringMatching(/./),
    );
    await expectMistake(() => session.restore(new Uint8Array(0)), "InvalidArgumentError", expect.stringMatching(/./));
  });

  test("a checkpoint of another graph", async () => {
    const { tensors } = decodeSafetensors(await session.checkpoint());
    tensors.delete("bn/beta");
    tensors.set("extra", { dtype: "float32", shape: [1], data: new Float32Array(1) });
    tensors.set("bn/gamma", { dtype: "float32", shape: [2], data: new Float32Array(2) });
    await expectMistake(
      () => session.restore(encodeSafetensors(tensors)),
      "InvalidArgumentError",
      "The checkpoint does not fit the graph: it lacks 'bn/beta'; the graph has no variable 'extra'; 'bn/gamma' is [2] float32 in it and [32] float32 in the graph.",
    );
  });

  test("damaged metadata", async () => {
    const { tensors, metadata } = decodeSafetensors(await session.checkpoint());
    await expectMistake(
      () => session.restore(encodeSafetensors(tensors, { ...metadata, updates: '{"bn":-1}' })),
      "InvalidArgumentError",
      "The metadata 'updates' of the checkpoint is damaged.",
    );
  });
});

describe("building", () => {
  const build = (body: () => unknown) => () => new tf.Graph().asDefault(body);

  test.each<[string, () => unknown, string]>([
    [
      "channels that differ",
      () => tf.nn.conv2d(tf.placeholder(tf.float32, [null, 100, 100, 3], "x"), tf.zeros([3, 3, 4, 8])),
      "Depth of input (3) is not a multiple of input depth of filter (4) for 'Conv2D' (op: 'Conv2D') with input shapes: [?,100,100,3], [3,3,4,8].",
    ],
    [
      "a filter that does not fit",
      () => tf.nn.conv2d(tf.zeros([1, 2, 2, 3]), tf.zeros([3, 3, 3, 8]), { padding: "VALID" }),
      "Negative dimension size caused by subtracting 3 from 2 for 'Conv2D' (op: 'Conv2D') with input shapes: [1,2,2,3], [3,3,3,8].",
    ],
    [
      "shapes that do not broadcast",
      () => tf.add(tf.zeros([2, 3]), tf.zeros([4])),
      "Dimensions must be equal, but are 3 and 4 for 'add' (op: 'AddV2') with input shapes: [2,3], [4].",
    ],
    [
      "dtypes that differ",
      () => tf.add(tf.zeros([2]), tf.zeros([2], tf.int32)),
      "Input 'y' of 'AddV2' has the dtype int32 that does not match float32 of 'x'.",
    ],
    [
      "a negative dimension",
      () => tf.placeholder(tf.float32, [-1, 3], "x"),
      "The shape of placeholder 'x' has the dimension -1; use an integer of at least 0, or null for unknown.",
    ],
  ])("%s", (_, body, message) => {
    expect(build(body)).toThrow(message);
    expect(build(body)).toThrow(expect.objectContaining({ name: "InvalidArgumentError" }));
  });
});
