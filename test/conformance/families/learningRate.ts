/** Family lr_schedule: a learning rate at several steps. Also the rates of family optimizer. */
import * as tf from "../../../src/index.ts";
import type { Value } from "../compare.ts";
import { Unsupported, type Attributes } from "../goldenCase.ts";
import { withSession, type Adapter } from "./adapter.ts";

/** The schedule that TensorFlow calls `name`, by its arguments. */
export function schedule(name: string, attrs: Attributes, step: tf.train.Step): tf.Tensor {
  const number = (key: string, otherwise?: number): number =>
    otherwise !== undefined && !attrs.has(key) ? otherwise : attrs.number(key);
  const rate = (): number => number(attrs.has("initial") ? "initial" : "learning_rate");
  const staircase = attrs.has("staircase") && attrs.boolean("staircase");
  const alpha = number("alpha", 0);
  switch (name) {
    case "exponential_decay":
      return tf.train.exponentialDecay(rate(), step, number("decay_steps"), number("decay_rate"), { staircase });
    case "natural_exp_decay":
      return tf.train.naturalExpDecay(rate(), step, number("decay_steps"), number("decay_rate"), { staircase });
    case "inverse_time_decay":
      return tf.train.inverseTimeDecay(rate(), step, number("decay_steps"), number("decay_rate"), { staircase });
    case "polynomial_decay":
      return tf.train.polynomialDecay(rate(), step, number("decay_steps"), {
        endLearningRate: number("end_learning_rate", 0.0001),
        power: number("power", 1),
        cycle: attrs.has("cycle") && attrs.boolean("cycle"),
      });
    case "cosine_decay":
      return tf.train.cosineDecay(rate(), step, number("decay_steps"), { alpha });
    case "cosine_decay_restarts":
      return tf.train.cosineDecayRestarts(rate(), step, number("first_decay_steps"), {
        tMul: number("t_mul", 2),
        mMul: number("m_mul", 1),
        alpha,
      });
    case "linear_cosine_decay":
      return tf.train.linearCosineDecay(rate(), step, number("decay_steps"), {
        numPeriods: number("num_periods", 0.5),
        alpha,
        beta: number("beta", 0.001),
      });
    case "piecewise_constant":
      return tf.train.piecewiseConstant(step, attrs.numbers("boundaries"), attrs.numbers("values"));
    default:
      throw new Unsupported(name);
  }
}

export const learningRate: Adapter = (golden) => {
  const graph = new tf.Graph();
  const { step, rate } = graph.asDefault(() => {
    const step = tf.placeholder(tf.int32, [], "global_step");
    return { step, rate: schedule(golden.op.replace(/^train\./, ""), golden.attrs, step) };
  });
  const { data: steps, shape } = golden.inputs.get("global_step")!;
  return withSession(graph, async (session) => {
    const rates: number[] = [];
    for (const value of Array.from(steps as ArrayLike<number | bigint>, Number)) {
      const { data } = await session.run(rate, new Map([[step, value]]));
      rates.push(Number(data[0]));
    }
    const value: Value = { dtype: "float32", shape, data: Float32Array.from(rates) };
    return new Map([["learning_rate", value]]);
  });
};
