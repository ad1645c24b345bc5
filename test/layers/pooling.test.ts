// layers.maxPooling2d and averagePooling2d: the nodes they add, and their arguments.
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { expectMistake } from "../helpers/ops.ts";

const x = new tf.Graph().asDefault(() => tf.placeholder(tf.float32, [null, 5, 5, 3], "x"));

test("names as TensorFlow's, padding valid by default", () => {
  const layers = [
    tf.layers.maxPooling2d(x, 2, 2),
    tf.layers.maxPooling2d(x, [3, 2], [2, 1], { padding: "same" }),
    tf.layers.averagePooling2d(x, 2, 2),
    tf.layers.averagePooling2d(x, 5, 5, { name: "global" }),
  ];
  expect(layers.map(({ op, shape }) => [op.name, op.type, shape])).toEqual([
    ["max_pooling2d/MaxPool", "MaxPool", [null, 2, 2, 3]],
    ["max_pooling2d_1/MaxPool", "MaxPool", [null, 3, 5, 3]],
    ["average_pooling2d/AvgPool", "AvgPool", [null, 2, 2, 3]],
    ["global/AvgPool", "AvgPool", [null, 1, 1, 3]],
  ]);
  expect(layers[1].op.ints("ksize")).toEqual([1, 3, 2, 1]);
});

test.each<[() => unknown, string]>([
  [
    () => tf.layers.maxPooling2d(x, 2, 2, { dataFormat: "channels_first" as "channels_last" }),
    'UnimplementedError: layers.maxPooling2d: dataFormat must be "channels_last".',
  ],
  [
    () => tf.layers.averagePooling2d(x, 0, 2),
    "InvalidArgumentError: layers.averagePooling2d: poolSize must be an integer of at least 1 or a pair of them, got 0.",
  ],
  [
    () => tf.layers.maxPooling2d(x, 2, 2, { padding: "full" as "same" }),
    'InvalidArgumentError: layers.maxPooling2d: padding must be "valid" or "same", got "full".',
  ],
])("%s", (body, message) => expectMistake(body, message));
