// Static shapes: what is known before a run.
import { describe, expect, test } from "vitest";
import * as shapes from "../../src/graph/shape.ts";
import { expectMistake } from "../helpers/ops.ts";

type Shape = shapes.Shape;

test("formatShape", () => {
  const rows: [Shape, string][] = [
    [null, "<unknown>"],
    [[], "[]"],
    [[null, 3], "[?,3]"],
  ];
  for (const [shape, text] of rows) expect(shapes.formatShape(shape)).toBe(text);
});

test("isFullyDefined, sizeOf, sameShape", () => {
  expect([null, [null], [], [2, 0]].map((shape) => shapes.isFullyDefined(shape))).toEqual([false, false, true, true]);
  expect([[], [2, 3], [2, 0]].map(shapes.sizeOf)).toEqual([1, 6, 0]);
  expect(shapes.sameShape([2, null], [2, null])).toBe(true);
  expect(shapes.sameShape([2], [2, 1])).toBe(false);
});

test("isCompatible", () => {
  const rows: [number[], Shape, boolean][] = [
    [[2, 3], null, true],
    [[2, 3], [null, 3], true],
    [[2, 3], [3, null], false],
    [[2], [2, null], false],
    [[], [], true],
  ];
  for (const [actual, declared, fits] of rows) expect(shapes.isCompatible(actual, declared)).toBe(fits);
});

test("mergeShapes: what both tell", async () => {
  expect(shapes.mergeShapes(null, [2])).toEqual([2]);
  expect(shapes.mergeShapes([2], null)).toEqual([2]);
  expect(shapes.mergeShapes([null, 3], [2, null])).toEqual([2, 3]);
  await expectMistake(
    () => shapes.mergeShapes([2], [3]),
    "InvalidArgumentError: Dimension 0 in both shapes must be equal, but are 2 and 3. Shapes are [2] and [3].",
  );
  await expectMistake(
    () => shapes.mergeShapes([2], []),
    "InvalidArgumentError: Shapes must be equal rank, but are 1 and 0",
  );
});

describe("broadcastShapes", () => {
  test.each<[Shape, Shape, Shape]>([
    [[], [], []],
    [[2, 3], [3], [2, 3]],
    [
      [2, 1],
      [1, 3],
      [2, 3],
    ],
    [[null], [1], [null]],
    [[null], [4], [4]],
    [[0], [1], [0]],
    [null, [2], null],
  ])("%j and %j give %j, either way", (a, b, expected) => {
    expect(shapes.broadcastShapes(a, b)).toEqual(expected);
    expect(shapes.broadcastShapes(b, a)).toEqual(expected);
  });
});

test("checkShape copies, and refuses what is no shape", async () => {
  const given = [2, null];
  const checked = shapes.checkShape(given, "'x'");
  expect(checked).toEqual(given);
  expect(checked).not.toBe(given);
  expect(shapes.checkShape(null, "'x'")).toBeNull();
  const refused: [unknown, string][] = [
    [5, "The shape of 'x' must be an array or null, got 5."],
    [[2.5], "The shape of 'x' has the dimension 2.5; use an integer of at least 0, or null for unknown."],
    [["2"], "The shape of 'x' has the dimension 2; use an integer of at least 0, or null for unknown."],
  ];
  for (const [shape, message] of refused)
    await expectMistake(() => shapes.checkShape(shape as Shape, "'x'"), `InvalidArgumentError: ${message}`);
});
