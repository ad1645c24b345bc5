// Cast: every pair of types, truncation, folds, gradients.
import { expect, test } from "vitest";
import { dtypeFromName } from "../../src/graph/dtype.ts";
import * as tf from "../../src/entry/node.ts";
import { constantValue } from "../../src/ops/build.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectMistake, values } from "../helpers/ops.ts";

const numbers = [0, 1, -1, 2.5, -2.5, 0.99, -0.99, 300.7, 255, 16777217, 3];

/** What a C++ cast gives; integers wrap around. */
const references: Readonly<Record<string, (x: number) => number>> = {
  float32: Math.fround,
  int32: (x) => Math.trunc(x) | 0,
  int64: (x) => Math.trunc(x) + 0,
  uint8: (x) => Math.trunc(x) & 255,
  bool: (x) => (x === 0 ? 0 : 1),
};
const types = ["float32", "int32", "int64", "uint8", "bool"] as const;

test.each(types)("from %s to all others", async (name) => {
  const graph = new tf.Graph();
  const from = references[name];
  const fetches = graph.asDefault(() => {
    const source = tf.cast(tf.placeholder(tf.float32, [numbers.length], "x"), dtypeFromName(name));
    return types.map((type) => tf.identity(tf.cast(source, dtypeFromName(type))));
  });
  const session = await tf.Session.create({ graph });
  const results = await session.run(fetches, { "x:0": numbers });
  results.forEach(({ data, dtype }, i) => {
    expect(dtype).toBe(types[i]);
    const want = numbers.map((x) => references[types[i]](from(Math.fround(x))));
    expect(Array.from(data as ArrayLike<number | bigint>, Number), `${name} to ${types[i]}`).toEqual(want);
  });
  session.close();
});

test("beyond the range the nearest, NaN 0 (true as bool)", async () => {
  const x = { data: Float32Array.of(3e9, -3e9, Infinity, -Infinity, NaN), shape: [5] };
  const { results } = await evaluate((input) => {
    const given = input(x);
    return [tf.cast(given, tf.int32), tf.cast(given, tf.int64), tf.cast(given, tf.bool)];
  });
  const [low, high] = [-(2 ** 31), 2 ** 31 - 1];
  expect(Array.from(results[0].data as Int32Array)).toEqual([high, low, high, low, 0]);
  expect(Array.from(results[1].data as unknown as BigInt64Array).slice(0, 2)).toEqual([3000000000n, -3000000000n]);
  expect(Array.from(results[2].data as Uint8Array)).toEqual([1, 1, 1, 1, 1]);
});

test("the same type gives the tensor itself; integers fold; no gradient passes an integer", () => {
  new tf.Graph().asDefault(() => {
    const x = tf.placeholder(tf.float32, [2, 3]);
    expect(tf.cast(x, tf.float32)).toBe(x);
    const sizes = tf.cast(tf.shape(x), tf.int64);
    expect(constantValue(sizes)?.data).toEqual(BigInt64Array.of(2n, 3n));
    expect(constantValue(tf.cast(sizes, tf.bool))?.data).toEqual(Uint8Array.of(1, 1));
    expect(constantValue(tf.cast(sizes, tf.float32))?.data).toEqual(Float32Array.of(2, 3));
    expect(tf.gradients(tf.cast(tf.cast(x, tf.int32), tf.float32), [x])).toEqual([null]);
  });
});

test("gradient beside a mask", () =>
  checkGradient(
    ([x]) => tf.multiply(x, tf.cast(tf.greater(x, 0), tf.float32)),
    [values([17])],
    ([x]) => x.map((value) => Math.max(value, 0)),
  ));

test("a dtype without a kernel", async () => {
  const graph = new tf.Graph();
  const fetch = graph.asDefault(() => tf.cast(tf.placeholder(tf.float32, [1], "x"), tf.float64, "wide"));
  const session = await tf.Session.create({ graph });
  await expectMistake(
    () => session.run(fetch, { "x:0": [1] }),
    "UnimplementedError: 'wide' (op: 'Cast') is not supported from float32 to float64; supported: float32, int32, int64, uint8, bool.",
  );
  session.close();
});

test.each(["DT_HALF", "DT_BFLOAT16", "DT_COMPLEX64"])(
  "%s, which is not known here, is refused only where a run needs it",
  async (type) => {
    const float = { type: "DT_FLOAT" };
    const node = [
      { name: "x", op: "Placeholder", attr: { dtype: float, shape: { shape: { dim: [{ size: "2" }] } } } },
      { name: "narrow", op: "Cast", input: ["x"], attr: { SrcT: float, DstT: { type } } },
      {
        name: "c",
        op: "Const",
        attr: { dtype: { type }, value: { tensor: { dtype: type, tensorShape: {}, halfVal: [1] } } },
      },
      { name: "y", op: "Neg", input: ["x"], attr: { T: float } },
    ];
    const graph = await tf.importMetaGraph({ graphDef: { node } });
    const session = await tf.Session.create({ graph });
    expect((await session.run("y:0", { "x:0": [1, 2] })).toNested()).toEqual([-1, -2]);
    await expectMistake(
      () => session.run("narrow:0", { "x:0": [1, 2] }),
      "UnimplementedError: 'narrow' (op: 'Cast') is not supported from float32 to unknown; supported: float32, int32, int64, uint8, bool.",
    );
    await expectMistake(
      () => session.run("c:0"),
      "UnimplementedError: The 'value' of 'c' has elements of a type that is not supported for 'c' (op: 'Const') with input shapes: .",
    );
    session.close();
  },
);
