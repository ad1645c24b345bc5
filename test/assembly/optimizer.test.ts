// Steps of optimizers against TensorFlow's formulas in float64, three steps each, at sizes around the vector.
import { describe, test } from "vitest";
import { Arena, type Buffer, createRandom, EPSILON, expectClose, expectSame, kernels, uniform } from "./harness.ts";

type Pointers = number[];

interface Kind {
  /** True for a step that clears what is not above a limit, as a NaN is not: it stays in a slot alone. */
  readonly clears?: true;
  /** First values of the slots. */
  readonly slots: readonly number[];
  /** Rates and the like. */
  readonly scalars: Readonly<Record<string, number>>;
  call(
    parameter: number,
    slots: Pointers,
    scalars: Readonly<Record<string, number>>,
    gradient: number,
    n: number,
  ): void;
  /** The new parameter and slots of one element. */
  step(p: number, slots: number[], g: number, scalars: Readonly<Record<string, number>>): [number, ...number[]];
}

function momentum(nesterov: number): Kind {
  return {
    slots: [0],
    scalars: { rate: 0.1, momentum: 0.9 },
    call: (p, [a], s, g, n) => kernels.applyMomentum(p, a, s.rate, g, s.momentum, nesterov, n),
    step(p, [a], g, { rate, momentum: decay }) {
      const next = decay * a + g;
      return [p - rate * (nesterov ? g + decay * next : next), next];
    },
  };
}

function adagrad(epsilon: number, updateSlots: number): Kind {
  return {
    slots: [0.1],
    scalars: { rate: 0.1, epsilon },
    call: (p, [a], s, g, n) => kernels.applyAdagrad(p, a, s.rate, epsilon ? s.epsilon : 0, g, updateSlots, n),
    step(p, [a], g, { rate }) {
      const next = updateSlots ? a + g * g : a;
      return [p - (rate * g) / (Math.sqrt(next) + epsilon), next];
    },
  };
}

function rmsProp(centered: boolean): Kind {
  return {
    slots: [1, 0, 0],
    scalars: { rate: 0.05, rho: 0.9, momentum: 0.5, epsilon: 1e-3 },
    call: (p, [square, moment, mean], s, g, n) =>
      centered
        ? kernels.applyCenteredRmsProp(p, mean, square, moment, s.rate, s.rho, s.momentum, s.epsilon, g, n)
        : kernels.applyRmsProp(p, square, moment, s.rate, s.rho, s.momentum, s.epsilon, g, n),
    step(p, [square, moment, mean], g, { rate, rho, momentum: decay, epsilon }) {
      const nextSquare = square + (g * g - square) * (1 - rho);
      const nextMean = centered ? mean + (g - mean) * (1 - rho) : mean;
      const variance = nextSquare - (centered ? nextMean ** 2 : 0);
      const nextMoment = decay * moment + (rate * g) / Math.sqrt(variance + epsilon);
      return [p - nextMoment, nextSquare, nextMoment, nextMean];
    },
  };
}

function adam(nesterov: number): Kind {
  return {
    slots: [0.02, 0.01],
    scalars: { power1: 0.81, power2: 0.998, rate: 0.05, beta1: 0.9, beta2: 0.99, epsilon: 1e-4 },
    call: (p, [m, v], s, g, n) =>
      kernels.applyAdam(p, m, v, s.power1, s.power2, s.rate, s.beta1, s.beta2, s.epsilon, g, nesterov, n),
    step(p, [m, v], g, { power1, power2, rate, beta1, beta2, epsilon }) {
      const [nextM, nextV] = [m + (g - m) * (1 - beta1), v + (g * g - v) * (1 - beta2)];
      const direction = nesterov ? g * (1 - beta1) + beta1 * nextM : nextM;
      const alpha = (rate * Math.sqrt(1 - power2)) / (1 - power1);
      return [p - (direction * alpha) / (Math.sqrt(nextV) + epsilon), nextM, nextV];
    },
  };
}

/** The proximal step to x. */
function shrunk(x: number, l1: number, shrink: number, divisor: number): number {
  return l1 > 0 ? (Math.sign(x) * Math.max(Math.abs(x) - shrink, 0)) / divisor : x / divisor;
}

function ftrl(ratePower: number, shrinkage: number): Kind {
  return {
    clears: true,
    slots: [0.1, 0.2],
    scalars: { rate: 0.5, l1: 0.125, l2: 0.25, shrinkage, ratePower },
    call: (p, [a, z], s, g, n) =>
      kernels.applyFtrl(p, a, z, g, s.rate, s.l1, s.l2, shrinkage ? s.shrinkage : 0, s.ratePower, n),
    step(p, [a, z], g, { rate, l1, l2 }) {
      const next = a + g * g;
      const [before, after] = [a, next].map((value) => value ** -ratePower);
      const linear = z + g + 2 * shrinkage * p - ((after - before) / rate) * p;
      const small = Math.abs(linear) <= l1;
      return [small ? 0 : (l1 * Math.sign(linear) - linear) / (after / rate + 2 * l2), next, linear];
    },
  };
}

function proximal(l1: number): Kind {
  return {
    slots: [],
    scalars: { rate: 0.1, l1, l2: 0.25 },
    call: (p, _, s, g, n) => kernels.applyProximalGradientDescent(p, s.rate, s.l1, s.l2, g, n),
    step: (p, _, g, { rate, l2 }) => [shrunk(p - rate * g, l1, rate * l1, 1 + l2 * rate)],
  };
}

function proximalAdagrad(l1: number): Kind {
  return {
    slots: [0.1],
    scalars: { rate: 0.1, l1, l2: 0.25 },
    call: (p, [a], s, g, n) => kernels.applyProximalAdagrad(p, a, s.rate, s.l1, s.l2, g, n),
    step(p, [a], g, { rate, l2 }) {
      const next = a + g * g;
      const own = rate / Math.sqrt(next);
      return [shrunk(p - own * g, l1, l1 * own, 1 + l2 * own), next];
    },
  };
}

function kerasMomentum(nesterov: number): Kind {
  return {
    slots: [0.05],
    scalars: { rate: 0.1, momentum: 0.9 },
    call: (p, [a], s, g, n) => kernels.applyKerasMomentum(p, a, s.rate, g, s.momentum, nesterov, n),
    step(p, [a], g, { rate, momentum: decay }) {
      const next = decay * a - rate * g;
      return [p + (nesterov ? decay * next - rate * g : next), next];
    },
  };
}

const kinds: Readonly<Record<string, Kind>> = {
  gradientDescent: {
    slots: [],
    scalars: { rate: 0.1 },
    call: (p, _, s, g, n) => kernels.applyGradientDescent(p, s.rate, g, n),
    step: (p, _, g, { rate }) => [p - rate * g],
  },
  momentum: momentum(0),
  nesterov: momentum(1),
  adagrad: adagrad(0, 1),
  "adagrad, slots kept": adagrad(0, 0),
  adagradV2: adagrad(1e-3, 1),
  adadelta: {
    slots: [0, 0],
    scalars: { rate: 1, rho: 0.9, epsilon: 1e-4 },
    call: (p, [a, u], s, g, n) => kernels.applyAdadelta(p, a, u, s.rate, s.rho, s.epsilon, g, n),
    step(p, [a, u], g, { rate, rho, epsilon }) {
      const next = rho * a + (1 - rho) * g * g;
      const change = (Math.sqrt(u + epsilon) / Math.sqrt(next + epsilon)) * g;
      return [p - rate * change, next, rho * u + (1 - rho) * change * change];
    },
  },
  rmsProp: rmsProp(false),
  "centered rmsProp": rmsProp(true),
  ftrl: ftrl(-0.5, 0),
  "ftrl with another power": ftrl(-0.75, 0),
  "ftrl with shrinkage": ftrl(-0.5, 0.125),
  "proximal gradient descent": proximal(0.25),
  "proximal gradient descent without l1": proximal(0),
  "proximal adagrad": proximalAdagrad(0.25),
  "proximal adagrad without l1": proximalAdagrad(0),
  kerasMomentum: kerasMomentum(0),
  "kerasMomentum with nesterov": kerasMomentum(1),
  adaMax: {
    slots: [0.02, 0.01],
    scalars: { power1: 0.81, rate: 0.05, beta1: 0.9, beta2: 0.99, epsilon: 1e-4 },
    call: (p, [m, v], s, g, n) => kernels.applyAdaMax(p, m, v, s.power1, s.rate, s.beta1, s.beta2, s.epsilon, g, n),
    step(p, [m, v], g, { power1, rate, beta1, beta2, epsilon }) {
      const [nextM, nextV] = [m + (g - m) * (1 - beta1), Math.max(beta2 * v, Math.abs(g))];
      return [p - (rate / (1 - power1)) * (nextM / (nextV + epsilon)), nextM, nextV];
    },
  },
  amsGrad: {
    slots: [0.02, 0.01, 0.3],
    scalars: { power1: 0.81, power2: 0.998, rate: 0.05, beta1: 0.9, beta2: 0.99, epsilon: 1e-4 },
    call: (p, [m, v, h], s, g, n) =>
      kernels.applyAmsGrad(p, m, v, h, s.power1, s.power2, s.rate, s.beta1, s.beta2, s.epsilon, g, n),
    step(p, [m, v, h], g, { power1, power2, rate, beta1, beta2, epsilon }) {
      const [nextM, nextV] = [m + (g - m) * (1 - beta1), v + (g * g - v) * (1 - beta2)];
      const largest = Math.max(h, nextV);
      const alpha = (rate * Math.sqrt(1 - power2)) / (1 - power1);
      return [p - (nextM * alpha) / (Math.sqrt(largest) + epsilon), nextM, nextV, largest];
    },
  },
  adam: adam(0),
  "adam with nesterov": adam(1),
};

interface State {
  readonly arena: Arena;
  readonly buffers: readonly Buffer[];
}

/** Three steps with gradients that differ; what they leave. */
function run(kind: Kind, start: Float32Array, gradients: readonly Float32Array[], shift = 0): State {
  const arena = new Arena(shift);
  const n = start.length;
  const buffers = [start, ...kind.slots.map((value) => new Float32Array(n).fill(value))].map((v) => arena.variable(v));
  const scalars = Object.fromEntries(
    Object.entries(kind.scalars).map(([name, value]) => [name, arena.input(Float32Array.of(value)).pointer]),
  );
  const [parameter, ...slots] = buffers.map(({ pointer }) => pointer);
  for (const gradient of gradients) kind.call(parameter, slots, scalars, arena.input(gradient).pointer, n);
  arena.check();
  return { arena, buffers };
}

describe.each(Object.entries(kinds))("%s", (_, kind) => {
  const random = createRandom(11);
  test("three steps", () => {
    const scalars = Object.fromEntries(Object.entries(kind.scalars).map(([key, value]) => [key, Math.fround(value)]));
    for (const n of [0, 1, 2, 3, 4, 5, 7, 8, 17]) {
      const start = uniform(random, n);
      const gradients = [1, 2, 3].map(() => uniform(random, n));
      const want = Array.from(start, (value, i) => {
        let state = [value, ...kind.slots.map(Math.fround)];
        for (const gradient of gradients) state = kind.step(state[0], state.slice(1), gradient[i], scalars);
        return state;
      });
      const { buffers } = run(kind, start, gradients, n % 4);
      // Some ten roundings a step, of values up to about 2; a root of small numbers may double what comes in.
      const tolerance = 100 * EPSILON;
      buffers.forEach((buffer, k) =>
        expectClose(
          buffer.values,
          want.map((state) => state[k]),
          tolerance,
          `n = ${n}, ${k ? `slot ${k - 1}` : "parameter"}`,
        ),
      );
    }
  });

  test("an element does not depend on its place", () => {
    const start = uniform(random, 7);
    const gradient = uniform(random, 7);
    const whole = run(kind, start, [gradient]).buffers.map(({ values }) => values);
    for (let i = 0; i < 7; i++) {
      const alone = run(kind, start.slice(i, i + 1), [gradient.slice(i, i + 1)]).buffers;
      alone.forEach((buffer, k) => expectSame(buffer.values, whole[k].slice(i, i + 1), `element ${i}`));
    }
  });

  test("NaN stays where it is", () => {
    const gradient = Float32Array.of(0.5, Number.NaN, 0.5, 0.5, 0.5);
    const { buffers } = run(kind, new Float32Array(5), [gradient]);
    expectSame(
      Float32Array.from(buffers[kind.clears ? 1 : 0].values, (value) => Number(Number.isNaN(value))),
      [0, 1, 0, 0, 0],
      "NaN",
    );
  });
});
