// Single operations as contenders: operands lie in variables, and a round is one run that repeats: its result is copied out once.
import * as trainlet from "../dist/src/entry/node.js";
import type { Contender } from "./measure.ts";

export interface Work extends Contender {
  /** Multiplications and additions of a step; 0 where memory decides. */
  readonly flops: number;
  close(): void;
}

/** `build` makes the operation of operands, and gives what is timed. */
export async function work(
  name: string,
  build: (operand: Operand) => trainlet.Tensor | trainlet.Tensor[],
): Promise<Work> {
  const graph = new trainlet.Graph();
  const { timed, init } = graph.asDefault(() => {
    trainlet.setRandomSeed(1);
    let count = 0;
    const operand: Operand = (shape) =>
      trainlet
        .getVariable(`operand_${count++}`, shape, { initializer: trainlet.randomUniformInitializer(-1, 1) })
        .value();
    return { timed: [build(operand)].flat(), init: trainlet.globalVariablesInitializer() };
  });
  const session = await trainlet.Session.create({ graph, onWarning: () => {} });
  await session.run(init);
  const { profile } = await session.run(timed, undefined, { profile: true });
  return {
    name,
    flops: profile.steps.reduce((sum, step) => sum + (step.flops ?? 0), 0),
    async round(steps) {
      const start = performance.now();
      await session.run(timed, undefined, { repeat: steps });
      return performance.now() - start;
    },
    close: () => session.close(),
  };
}

export type Operand = (shape: readonly number[]) => trainlet.Tensor;

/** The gradient of `y` by one operand, for an arriving gradient that is an operand too. */
export function gradient(operand: Operand, y: trainlet.Tensor, by: trainlet.Tensor): trainlet.Tensor {
  return trainlet.gradients(y, [by], { gradYs: [operand(y.shape as number[])] })[0]!;
}

/** An operation of an input and weights, forward and by either: three contenders. */
export function passes(
  name: string,
  shapes: { readonly x: readonly number[]; readonly w: readonly number[] },
  op: (x: trainlet.Tensor, w: trainlet.Tensor) => trainlet.Tensor,
): Promise<Work[]> {
  const variant = (
    suffix: string,
    pick: (operand: Operand, x: trainlet.Tensor, w: trainlet.Tensor) => trainlet.Tensor,
  ) => work(`${name}, ${suffix}`, (operand) => pick(operand, operand(shapes.x), operand(shapes.w)));
  return Promise.all([
    variant("forward", (_, x, w) => op(x, w)),
    variant("dX", (operand, x, w) => gradient(operand, op(x, w), x)),
    variant("dW", (operand, x, w) => gradient(operand, op(x, w), w)),
  ]);
}
