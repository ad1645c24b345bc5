// A profiled run in workerd. Cloudflare's clock stands still while code runs (a local one may tick, so one is handed in): the values
// are there, the times are not, and it is said.
import { expect, test } from "vitest";
import * as tf from "../../src/entry/workerd.ts";

test("a profile has its steps and says that the clock stood still", async () => {
  const graph = new tf.Graph();
  const y = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [2, 3], "x");
    return tf.matmul(x, tf.constant([[1], [2], [3]], { dtype: tf.float32 }), { name: "product" });
  });
  const session = await tf.Session.create({ graph });
  const { fetches, profile } = await session.run(
    y,
    { "x:0": Float32Array.of(1, 2, 3, 4, 5, 6) },
    { profile: true, now: () => 7 },
  );
  expect(fetches.toNested()).toEqual([[14], [32]]);
  expect(profile.steps.map(({ kernel, operations, flops }) => [kernel, operations, flops])).toEqual([
    ["matMul", ["product"], 12],
  ]);
  expect(profile.ms).toBe(0);
  expect(String(profile)).toContain("The clock did not move during the run: it stands still in this host");
  session.close();
});
