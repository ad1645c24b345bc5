/** Gradients against central differences of a float64 reference in plain TypeScript. */
import { expect } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { createRandom, uniform } from "../assembly/harness.ts";
import { evaluate, type Values } from "./ops.ts";

export interface GradientCheckOptions {
  /** Indices of the inputs whose gradients are checked. Default: all that are float32. */
  wrt?: readonly number[];
  /** Allowed difference, relative to the largest element of that gradient and at least to 1. Default 1e-5: some roundings
   * of float32 (6e-8 each); central differences add less than 1e-7. */
  tolerance?: number;
}

/** With random gradients dy arriving at y = build(inputs), compares each gradient with d(Σ dy · reference(inputs)) / dx.
 * Every choice of the planner must give the same bits.
 * @param reference the elements of y in float64, from the elements of the inputs */
export async function checkGradient(
  build: (inputs: readonly tf.Tensor[]) => tf.Tensor,
  inputs: readonly Values[],
  reference: (inputs: readonly Float64Array[]) => ArrayLike<number>,
  options: GradientCheckOptions = {},
): Promise<void> {
  const numbers = inputs.map(({ data }) => Float64Array.from(data));
  const want = Float64Array.from(reference(numbers));
  const dy = uniform(createRandom(want.length), want.length, 0.5, 1.5);
  const wrt = options.wrt ?? [...inputs.keys()].filter((i) => inputs[i].data instanceof Float32Array);
  const { results } = await evaluate((input) => {
    const tensors = inputs.map(input);
    const y = build(tensors);
    const gradYs = [input({ data: dy, shape: y.shape as readonly number[] })];
    const gradients = tf.gradients(
      y,
      wrt.map((i) => tensors[i]),
      { gradYs },
    );
    gradients.forEach((gradient, i) => expect(gradient, `gradient of input ${wrt[i]}`).not.toBeNull());
    return [y, ...(gradients as tf.Tensor[])];
  });
  const tolerance = options.tolerance ?? 1e-5;
  near(results[0].data as Float32Array, want, tolerance, "y");
  const total = (): number => {
    const y = reference(numbers);
    return dy.reduce((sum, weight, i) => sum + weight * y[i], 0);
  };
  wrt.forEach((index, k) => {
    const x = numbers[index];
    const slopes = x.map((value, i) => {
      const step = 1e-5 * Math.max(1, Math.abs(value));
      x[i] = value + step;
      const above = total();
      x[i] = value - step;
      const below = total();
      x[i] = value;
      return (above - below) / (2 * step);
    });
    expect(results[k + 1].shape, `shape of the gradient of input ${index}`).toEqual(inputs[index].shape);
    near(results[k + 1].data as Float32Array, slopes, tolerance, `gradient of input ${index}`);
  });
}

function near(got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number, label: string): void {
  expect(got.length, `${label}: length`).toBe(want.length);
  const scale = Array.from(want).reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  for (let i = 0; i < want.length; i++) {
    if (!(Math.abs(got[i] - want[i]) <= tolerance * scale))
      expect.fail(`${label}: element ${i} is ${got[i]}, not ${want[i]}; the tolerance is ${tolerance * scale}.`);
  }
}
