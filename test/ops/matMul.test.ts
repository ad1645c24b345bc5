// Products of matrices and batches: shapes, values, gradients in all transposes, names, mistakes.
import { describe, expect, test } from "vitest";
import { createOp } from "../../src/ops/build.ts";
import { BatchMatMul, BatchMatMulV2, BatchMatMulV3, MatMul } from "../../src/ops/matMul.ts";
import { attr } from "../../src/graph/attr.ts";
import * as tf from "../../src/entry/node.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectMistake, expectShapes, values, type Values } from "../helpers/ops.ts";

const combinations = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

/** Products over the last two dimensions in float64, the others broadcast. */
function reference(
  [shapeA, shapeB]: readonly (readonly number[])[],
  [transposeA, transposeB]: readonly [boolean, boolean],
): (inputs: readonly Float64Array[]) => number[] {
  const [rowsA, columnsA] = shapeA.slice(-2);
  const [rowsB, columnsB] = shapeB.slice(-2);
  const [m, depth, n] = [transposeA ? columnsA : rowsA, transposeA ? rowsA : columnsA, transposeB ? rowsB : columnsB];
  const rank = Math.max(shapeA.length, shapeB.length) - 2;
  const pad = (shape: readonly number[]): number[] => [
    ...new Array<number>(rank + 2 - shape.length).fill(1),
    ...shape.slice(0, -2),
  ];
  const [batchA, batchB] = [pad(shapeA), pad(shapeB)];
  const batch = batchA.map((size, i) => (size === 1 ? batchB[i] : size));
  const count = batch.reduce((product, size) => product * size, 1);
  return ([a, b]) => {
    const y: number[] = [];
    for (let index = 0; index < count; index++) {
      let [rest, indexA, indexB, strideA, strideB] = [index, 0, 0, 1, 1];
      for (let i = rank - 1; i >= 0; i--) {
        const at = rest % batch[i];
        rest = (rest - at) / batch[i];
        if (batchA[i] !== 1) indexA += at * strideA;
        if (batchB[i] !== 1) indexB += at * strideB;
        strideA *= batchA[i];
        strideB *= batchB[i];
      }
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let k = 0; k < depth; k++) {
            sum +=
              a[indexA * m * depth + (transposeA ? k * m + i : i * depth + k)] *
              b[indexB * depth * n + (transposeB ? j * depth + k : k * n + j)];
          }
          y.push(sum);
        }
      }
    }
    return y;
  };
}

const swapped = (shape: readonly number[], swap: boolean): number[] =>
  swap ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : [...shape];

describe("shapes", () => {
  test.each([
    ["[2,3];[3,4]", "[2,4]"],
    ["[?,3];[?,4]", "[?,4]"],
    ["?;[3,4]", "[?,4]"],
    ["[0,3];[3,0]", "[0,0]"],
    ["[2,3];[4,5]", "Dimensions must be equal, but are 3 and 4"],
    ["[3];[3,4]", "Shape must be rank 2 but is rank 1"],
    ["[2,2,3];[3,4]", "Shape must be rank 2 but is rank 3"],
  ])("MatMul of %s", (inputs, expected) => expectShapes(MatMul, [[inputs, expected]]));

  test("transposes are attributes", () => {
    const attrs = { transpose_a: attr.bool(true), transpose_b: attr.bool(true) };
    expectShapes(MatMul, [["[3,2];[4,3]", "[2,4]"]], { attrs });
    expectShapes(BatchMatMulV2, [["[5,3,2];[4,3]", "[5,2,4]"]], {
      attrs: { adj_x: attr.bool(true), adj_y: attr.bool(true) },
    });
  });

  test.each([
    [BatchMatMul, "[7,2,3];[7,3,4]", "[7,2,4]"],
    [
      BatchMatMul,
      "[7,2,3];[1,3,4]",
      "Dimension 0 in both shapes must be equal, but are 7 and 1. Shapes are [7] and [1].",
    ],
    [BatchMatMulV2, "[7,2,3];[1,3,4]", "[7,2,4]"],
    [BatchMatMulV2, "[2,3];[5,1,3,4]", "[5,1,2,4]"],
    [BatchMatMulV2, "[?,2,3];[3,4]", "[?,2,4]"],
    [BatchMatMulV2, "[3];[3,4]", "Shape must be at least rank 2 but is rank 1"],
    [BatchMatMulV2, "[2,2,3];[3,3,4]", "Dimensions must be equal, but are 2 and 3"],
  ] as const)("%o of %s", (definition, inputs, expected) => expectShapes(definition, [[inputs, expected]]));
});

/** Pairs of shapes as they are multiplied. */
const pairs = [
  [
    [5, 7],
    [7, 3],
  ],
  [
    [1, 4],
    [4, 1],
  ],
  [
    [66, 2],
    [2, 9],
  ],
  [
    [2, 3, 4, 5],
    [2, 3, 5, 2],
  ],
  [
    [3, 2, 4],
    [4, 5],
  ],
  [
    [1, 3, 2],
    [4, 1, 2, 5],
  ],
];

describe.each(combinations)("transposed: a %s, b %s", (transposeA, transposeB) => {
  test.each(pairs)("%j and %j: values and gradients", async (a, b) => {
    const shapes = [swapped(a, transposeA), swapped(b, transposeB)];
    await checkGradient(
      ([x, y]) => tf.matmul(x, y, { transposeA, transposeB }),
      shapes.map((shape) => values(shape)),
      reference(shapes, [transposeA, transposeB]),
      { tolerance: 2e-5 },
    );
  });
});

test("a batch of unknown size: the gradient of a repeated operand is summed in the run", async () => {
  const graph = new tf.Graph();
  const { x, gradients } = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [null, 2, 3]);
    const weights = tf.constant([1, 2, 3], { dtype: tf.float32, shape: [3, 1] });
    return { x, gradients: tf.gradients(tf.matmul(x, weights), [x, weights]) as tf.Tensor[] };
  });
  const session = await tf.Session.create({ graph });
  const given: Values = { data: Float32Array.from({ length: 24 }, (_, i) => i), shape: [4, 2, 3] };
  const [dx, dWeights] = await session.run(gradients, new Map([[x, given]]));
  expect(dx.shape).toEqual([4, 2, 3]);
  expect(Array.from(dx.data.slice(0, 3) as Float32Array)).toEqual([1, 2, 3]);
  expect(dWeights.toNested()).toEqual([[84], [92], [100]]);
});

test("a bias and an activation are computed with the product, to the same bits", async () => {
  const [a, b, bias] = [values([9, 5]), values([5, 11]), values([11])];
  const { results } = await evaluate((input) => {
    const [x, y, z] = [a, b, bias].map(input);
    const product = (): tf.Tensor => tf.nn.biasAdd(tf.matmul(x, y), z);
    const shared = product();
    return [
      tf.nn.relu(product()),
      tf.nn.relu(shared),
      tf.nn.relu6(tf.matmul(x, y)),
      shared,
      tf.matmul(x, x, { transposeB: true }),
    ];
  });
  expect(results[0]).toEqual(results[1]);
  expect(Array.from(results[0].data as Float32Array)).toEqual(
    Array.from(results[3].data as Float32Array, (value) => Math.max(Number(value), 0)),
  );
  expect(results[4].shape).toEqual([9, 9]);
});

test("names and types of the nodes, and of the gradients'", () => {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [2, 3], "x");
    const w = tf.placeholder(tf.float32, [3, 4], "w");
    tf.gradients(tf.matmul(x, w, { name: "fc/MatMul" }), [x, w], { gateGradients: true });
    tf.matmul(tf.placeholder(tf.float32, [2, 2, 3]), w);
  });
  const nodes = graph.operations.filter(({ type }) => type.includes("MatMul"));
  expect(nodes.map((op) => [op.name, op.type])).toEqual([
    ["fc/MatMul", "MatMul"],
    ["gradients/fc/MatMul_grad/MatMul", "MatMul"],
    ["gradients/fc/MatMul_grad/MatMul_1", "MatMul"],
    ["MatMul", "BatchMatMulV2"],
  ]);
  expect(nodes.slice(1, 3).map((op) => [op.bool("transpose_a"), op.bool("transpose_b")])).toEqual([
    [false, true],
    [true, false],
  ]);
});

describe("mistakes", () => {
  const float = (...shape: number[]): tf.Tensor => tf.placeholder(tf.float32, shape);
  test.each<[string, () => unknown, string]>([
    [
      "depths that differ",
      () => tf.matmul(float(2, 3), float(4, 5)),
      "InvalidArgumentError: Dimensions must be equal, but are 3 and 4 for 'MatMul' (op: 'MatMul') with input shapes: [2,3], [4,5].",
    ],
    [
      "two types",
      () => tf.matmul(float(2, 3), tf.placeholder(tf.int32, [3, 2])),
      "InvalidArgumentError: Tensor 'Placeholder_1:0' has the dtype int32, float32 is needed.",
    ],
    [
      "transposed twice",
      () => tf.matmul(float(2, 3), float(3, 2), { transposeA: true, adjointA: true }),
      "InvalidArgumentError: Only one of transposeA and adjointA can be true.",
    ],
  ])("%s", (_, body, expected) => expectMistake(() => new tf.Graph().asDefault(body), expected));

  test("integers", () => {
    return expectMistake(
      () => evaluate(() => [tf.matmul(tf.constant([1, 2], { shape: [1, 2] }), [[1], [2]])]),
      "UnimplementedError: 'MatMul' (op: 'MatMul') is not supported for int32; supported: float32.",
    );
  });
});

test.each(combinations)("BatchMatMulV3, transposed %s, %s: values and gradients", (transposeA, transposeB) => {
  const shapes = [swapped([2, 1, 3, 5], transposeA), swapped([4, 5, 2], transposeB)];
  const attrs = { adj_x: attr.bool(transposeA), adj_y: attr.bool(transposeB) };
  return checkGradient(
    (inputs) => createOp(BatchMatMulV3, inputs, attrs, "product").outputs[0],
    shapes.map((shape) => values(shape)),
    reference(shapes, [transposeA, transposeB]),
  );
});
