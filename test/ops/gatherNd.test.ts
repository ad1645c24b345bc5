// GatherNd and ScatterNd: values, gradients, coordinates out of range, shapes and mistakes.
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { GatherNd, ScatterNd } from "../../src/ops/gatherNd.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectMistake, expectShapes, sizes, values } from "../helpers/ops.ts";

const pairs = { data: Int32Array.of(1, 2, 0, 0, 1, 2, 0, 1), shape: [2, 2, 2] };
const flat = (at: number): number => pairs.data[2 * at] * 3 + pairs.data[2 * at + 1];

test.each(sizes)("slices of %i: values and gradient", (n) =>
  checkGradient(
    ([x, indices]) => tf.gatherNd(x, indices),
    [values([2, 3, n]), pairs],
    ([x]) => [0, 1, 2, 3].flatMap((at) => Array.from({ length: n }, (_, j) => x[flat(at) * n + j])),
  ),
);

test("coordinates of all dimensions, of one, of none", async () => {
  const x = values([2, 3]);
  const { results } = await evaluate((input) => {
    const tensor = input(x);
    return [
      tf.gatherNd(tensor, input({ data: Int32Array.of(1, 2), shape: [2] })),
      tf.gatherNd(tensor, input({ data: Int32Array.of(1, 0), shape: [2, 1] })),
      tf.gatherNd(tensor, input({ data: new Int32Array(0), shape: [2, 0] })),
    ];
  });
  const rows = [x.data.slice(0, 3), x.data.slice(3)].map((row) => Array.from(row));
  expect(results.map((result) => result.toNested())).toEqual([rows[1][2], [rows[1], rows[0]], [rows, rows]]);
});

test.each(sizes)("scatterNd adds slices of %i: values and gradient", (n) =>
  checkGradient(
    ([updates, indices]) => tf.scatterNd(indices, updates, [2, 3, n]),
    [values([2, 2, n]), pairs],
    ([updates]) => {
      const y = new Float64Array(6 * n);
      for (let at = 0; at < 4; at++) for (let j = 0; j < n; j++) y[flat(at) * n + j] += updates[at * n + j];
      return y;
    },
  ),
);

test("coordinates out of range are refused", async () => {
  const graph = new tf.Graph();
  const [picked, added] = graph.asDefault(() => {
    const indices = tf.placeholder(tf.int64, [2, 2], "indices");
    return [tf.gatherNd(tf.zeros([2, 3]), indices, "picked"), tf.scatterNd(indices, tf.ones([2]), [2, 3], "added")];
  });
  const session = await tf.Session.create({ graph });
  for (const row of [
    [2, 0],
    [0, 3],
    [-1, 0],
    [0, -1],
  ])
    // prettier-ignore
    for (const [fetch, type] of [[picked, "GatherNd"], [added, "ScatterNd"]] as const) // prettier-ignore
      await expectMistake(
        () => session.run(fetch, { "indices:0": [[0, 0], row] }),
        `InvalidArgumentError: indices[1] = [${row.join(", ")}] does not index into shape [2,3] for '${fetch.op.name}' (op: '${type}').`,
      );
  session.close();
});

test("shapes", () => {
  const dtypes = [tf.float32, tf.int32];
  expectShapes(
    GatherNd,
    [
      ["[2,3,4];[5,2]", "[5,4]"],
      ["[2,3];[?,2]", "[?]"],
      ["?;[5,2]", "?"],
      ["[2,3];[2,3]", "indices.shape[-1] must be <= params.rank, but saw indices.shape[-1] = 3 and params.rank = 2"],
      ["[2,3];[]", "Shape must be at least rank 1 but is rank 0"],
    ],
    { dtypes },
  );
  expectShapes(
    ScatterNd,
    [
      ["[5,1];[5,3];[2]", "[4,3]"],
      ["[5,1];[?,?];[2]", "[4,3]"],
      ["[5,1];[4,3];[2]", "Must have updates.shape = [5,3], got [4,3]"],
    ],
    { dtypes: [tf.int32, tf.float32, tf.int32], constants: { 2: [4, 3] } },
  );
});
