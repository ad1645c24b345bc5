/** Family dropout: nn.dropout whose random numbers are fed, so that it draws the mask of the case. */
import * as tf from "../../../src/index.ts";
import type { Value } from "../compare.ts";
import { withSession, type Adapter } from "./adapter.ts";
import { gradientsOf } from "./gradients.ts";

export const dropout: Adapter = (golden) => {
  const graph = new tf.Graph();
  const feeds = new Map<tf.Tensor, tf.FeedValue>();
  const input = (name: string): tf.Tensor => {
    const placeholder = tf.placeholder(tf.float32, golden.inputs.get(name)!.shape, name);
    feeds.set(placeholder, golden.inputs.get(name)!);
    return placeholder;
  };
  const fetches = graph.asDefault(() => {
    const placeholders = new Map<string, tf.Tensor>();
    const once = (name: string): tf.Tensor => {
      if (!placeholders.has(name)) placeholders.set(name, input(name));
      return placeholders.get(name)!;
    };
    const y = tf.nn.dropout(once("x"), golden.attrs.number("keep_prob"));
    return { y, ...gradientsOf(golden, y, once) };
  });
  // What is kept drew nearly 1, what is dropped 0.
  const { data, shape } = golden.inputs.get("mask")!;
  const uniform = Float32Array.from(data as Uint8Array, (kept) => (kept ? 1 - 2 ** -23 : 0));
  for (const { type, outputs } of graph.operations) {
    if (type === "RandomUniform") feeds.set(outputs[0], { data: uniform, shape });
  }
  return withSession(
    graph,
    async (session) => new Map<string, Value>(Object.entries(await session.run(fetches, feeds))),
  );
};
