/** The outputs called grad_<input>: the gradient arriving at y, propagated to each input that a case names. */
import * as tf from "../../../src/index.ts";
import type { GoldenCase } from "../goldenCase.ts";
import type { Inputs } from "./adapter.ts";

export function gradientsOf(golden: GoldenCase, y: tf.Tensor, input: Inputs): { [output: string]: tf.Tensor } {
  const wanted = [...golden.outputs.keys()].filter((name) => name.startsWith("grad_"));
  if (wanted.length === 0) return {};
  const gradients = tf.gradients(
    y,
    wanted.map((name) => input(name.slice("grad_".length))),
    { gradYs: [input("grad_y")] },
  );
  return Object.fromEntries(
    wanted.map((name, i) => {
      const gradient = gradients[i];
      if (!gradient) throw new Error(`No gradient arrives at the input of '${name}'.`);
      return [name, gradient];
    }),
  );
}
