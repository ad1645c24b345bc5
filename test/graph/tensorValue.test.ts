// Values on the host: fetched tensors, nested arrays, dtypes of typed arrays. (Constants: test/ops/constant.test.ts.)
import { expect, test } from "vitest";
import * as dtypes from "../../src/graph/dtype.ts";
import * as errors from "../../src/graph/errors.ts";
import { dtypeOfArray, elementAt, FetchedTensor, nestedShape, toNumbers } from "../../src/graph/tensorValue.ts";
import { expectMistake } from "../helpers/ops.ts";

test("FetchedTensor: item and toNested", async () => {
  const matrix = new FetchedTensor(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3], "float32");
  expect(matrix.toNested()).toEqual([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  await expectMistake(
    () => matrix.item(),
    "InvalidArgumentError: item() needs a tensor of one element, this one has the shape [2,3].",
  );
  expect(new FetchedTensor(Uint8Array.of(1), [], "bool").item()).toBe(true);
  expect(new FetchedTensor(Uint8Array.of(0, 1), [2], "bool").toNested()).toEqual([false, true]);
  expect(new FetchedTensor(BigInt64Array.of(5n), [1, 1], "int64").item()).toBe(5n);
  expect(new FetchedTensor(Float32Array.of(2), [], "float32").toNested()).toBe(2);
  expect(new FetchedTensor(new Float32Array(0), [2, 0], "float32").toNested()).toEqual([[], []]);
});

test("nestedShape", async () => {
  expect(
    [
      5,
      [],
      [1],
      [
        [1, 2],
        [3, 4],
      ],
      [[]],
    ].map((value) => nestedShape(value, "x")),
  ).toEqual([[], [0], [1], [2, 2], [1, 0]]);
  for (const [value, what] of [
    [[[1], [2, 3]], "length"],
    [[1, [2]], "depth"],
    [[[1], 2], "depth"],
    [[[], [1]], "length"],
  ] as const)
    await expectMistake(
      () => nestedShape(value, "'x'"),
      `InvalidArgumentError: The nested array for 'x' is ragged: its rows differ in ${what}.`,
    );
});

test("elements: the last one repeats", () => {
  const value = { dtype: dtypes.int32, shape: [4], data: Int32Array.of(1, 2) };
  expect(toNumbers(value)).toEqual([1, 2, 2, 2]);
  expect(elementAt(value, 9)).toBe(2);
});

test("dtypes: names, enum values, arrays, references", async () => {
  const rows = [
    [dtypes.float32, 1, 4],
    [dtypes.float64, 2, 8],
    [dtypes.int32, 3, 4],
    [dtypes.uint8, 4, 1],
    [dtypes.int64, 9, 8],
    [dtypes.bool, 10, 1],
    [dtypes.string, 7, 0],
  ] as const;
  for (const [dtype, value, size] of rows) {
    expect([dtype.enumValue, dtype.size, dtype.base, dtype.ref.base]).toEqual([value, size, dtype, dtype]);
    expect([dtype.isRef, dtype.ref.isRef, dtype.ref.enumValue, String(dtype.ref)]).toEqual([
      false,
      true,
      value + 100,
      `${dtype.name}_ref`,
    ]);
    expect([dtypes.dtypeFromEnum(value), dtypes.dtypeFromEnum(value + 100)]).toEqual([dtype, dtype.ref]);
    expect(dtypes.dtypeFromName(dtype.name)).toBe(dtype);
  }
  for (const dtype of [dtypes.float32, dtypes.float64, dtypes.int32, dtypes.uint8, dtypes.int64])
    expect(dtypeOfArray(new dtype.array!(1))).toBe(dtype);
  expect(dtypeOfArray(new Uint8ClampedArray(1))).toBe(dtypes.uint8);
  expect(dtypes.dtypeFromEnum(19)).toBeUndefined();
  expect([dtypes.float32.isFloating, dtypes.bool.isInteger, dtypes.uint8.isInteger]).toEqual([true, false, true]);
  await expectMistake(
    () => dtypes.dtypeFromName("half"),
    "UnimplementedError: Unknown dtype 'half'. Known: float32, float64, int32, uint8, int16, int8, string, int64, bool, uint16, resource, variant, unknown.",
  );
});

test("errors: rebuilt by name after a transport", () => {
  for (const [name, Class] of Object.entries(errors)) {
    if (name === "errorFromName" || name === "TrainletError") continue;
    const error = errors.errorFromName(name, "a sentence.");
    expect(error).toBeInstanceOf(Class);
    expect(error).toBeInstanceOf(errors.TrainletError);
    expect([error.name, error.message]).toEqual([name, "a sentence."]);
  }
  const other = errors.errorFromName("RangeError", "x");
  expect([other.name, other instanceof errors.TrainletError]).toEqual(["RangeError", false]);
});
