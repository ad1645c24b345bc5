// Collections: lists by name, read as copies.
import { beforeEach, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";

beforeEach(() => tf.resetDefaultGraph());

test("what is added, in order; nothing for an unknown name", () => {
  const [a, b] = [tf.noOp("a"), tf.noOp("b")];
  tf.addToCollection("mine", b);
  tf.addToCollection("mine", a);
  tf.addToCollection("mine", a);
  expect(tf.getCollection("mine")).toEqual([b, a, a]);
  expect(tf.getCollection("others")).toEqual([]);
  expect(tf.getDefaultGraph().collectionNames).toEqual(["mine"]);
});

test("getCollection is a copy", () => {
  tf.addToCollection("mine", tf.noOp());
  tf.getCollection("mine").pop();
  expect(tf.getCollection("mine")).toHaveLength(1);
});

test("a scope filters by the beginning of names", () => {
  for (const name of ["a/x", "b/x", "ab/x"]) tf.addToCollection("mine", tf.noOp(name));
  tf.addToCollection("mine", 5);
  const names = (scope?: string): unknown[] => tf.getCollection<tf.Operation>("mine", scope).map((item) => item.name);
  expect(names("a/")).toEqual(["a/x"]);
  expect(names("a")).toEqual(["a/x", "ab/x"]);
  expect(names("c")).toEqual([]);
  expect(names()).toHaveLength(4);
});

test("each graph has its own", () => {
  tf.addToCollection("mine", 1);
  expect(new tf.Graph().asDefault(() => tf.getCollection("mine"))).toEqual([]);
});

test("the standard names are TensorFlow's", () => {
  expect(tf.GraphKeys).toMatchObject({
    GLOBAL_VARIABLES: "variables",
    TRAINABLE_VARIABLES: "trainable_variables",
    UPDATE_OPS: "update_ops",
    REGULARIZATION_LOSSES: "regularization_losses",
    COND_CONTEXT: "cond_context",
  });
});
