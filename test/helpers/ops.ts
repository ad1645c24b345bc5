/** What the tests of operations share: TensorFlow's shape-test language, runs under every choice of the planner, float64 references. */
import { expect } from "vitest";
import type { Attrs } from "../../src/graph/attr.ts";
import { Operation } from "../../src/graph/operation.ts";
import { formatShape, type Shape } from "../../src/graph/shape.ts";
import type { TensorValue } from "../../src/graph/tensorValue.ts";
import type { OpDefinition } from "../../src/ops/definition.ts";
import * as tf from "../../src/entry/node.ts";
import { createRandom, uniform } from "../assembly/harness.ts";

/** Below, at and above the width of a vector, and past a block of four vectors. */
export const sizes = [1, 3, 4, 5, 17];

// Shapes

interface NodeOptions {
  readonly attrs?: Attrs;
  /** Values of inputs that are integer constants, by index. */
  readonly constants?: Readonly<Record<number, readonly number[]>>;
  readonly dtypes?: readonly tf.DType[];
}

/** Runs a shape rule on inputs written as TensorFlow's tests do: "[1,?];[2]" may give "[?,2]"; "?" is an unknown rank.
 * Gives the sentence where the rule throws one. */
export function inferred(definition: OpDefinition, inputs: string, options: NodeOptions = {}): string {
  const shapes = inputs === "" ? [] : inputs.split(";").map(parseShape);
  const spec = { type: definition.type, name: "op", inputs: [], controlInputs: [], outputs: [] };
  const node = {
    op: new Operation(new tf.Graph(), -1, { ...spec, attrs: options.attrs ?? {} }),
    inputCount: shapes.length,
    inputShape: (i: number) => shapes[i],
    inputDtype: (i: number) => options.dtypes?.[i] ?? tf.float32,
    constant: (i: number): TensorValue | undefined => {
      const value = options.constants?.[i];
      return value && { dtype: tf.int32, shape: [value.length], data: Int32Array.from(value) };
    },
  };
  try {
    return definition
      .shape(node)
      .map((shape) => (shape === null ? "?" : formatShape(shape)))
      .join(";");
  } catch (error) {
    if (!(error instanceof tf.errors.TrainletError)) throw error;
    return error.message;
  }
}

function parseShape(text: string): Shape {
  if (text === "?") return null;
  const inside = text.slice(1, -1);
  return inside === "" ? [] : inside.split(",").map((size) => (size === "?" ? null : Number(size)));
}

/** Checks rows of [inputs, outputs or sentence]. */
export function expectShapes(
  definition: OpDefinition,
  rows: readonly (readonly [inputs: string, expected: string])[],
  options: NodeOptions = {},
): void {
  for (const [inputs, expected] of rows)
    expect(inferred(definition, inputs, options), `${definition.type} of ${inputs}`).toBe(expected);
}

// Errors

/** Checks "<class>: <sentence>" of what `body` throws, at once or later. */
export async function expectMistake(body: () => unknown, expected: string): Promise<void> {
  const error = await (async () => body())().then(
    () => null,
    (reason: Error) => reason,
  );
  expect(error && `${error.name}: ${error.message}`).toBe(expected);
}

// Runs

/** A tensor's elements and shape. */
export interface Values {
  readonly data: Float32Array | Int32Array;
  readonly shape: readonly number[];
}

const random = createRandom(20191001);

/** Seeded numbers in [low, high). */
export function values(shape: readonly number[], low = -2, high = 2): Values {
  return { data: uniform(random, sizeOf(shape), low, high), shape };
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Makes a placeholder of the graph being built and notes what to feed it. */
export type Input = (given: Values) => tf.Tensor;

const choices = [false, true].flatMap((reuse) => [false, true].map((inPlace) => ({ reuse, inPlace, poison: true })));

/** Builds a graph and runs it twice under every choice of the planner, freed buffers poisoned: the bits must not depend
 * on it. Variables are initialised first. Gives the values and the plans' arena sizes. */
export async function evaluate(
  build: (input: Input) => readonly tf.Tensor[],
): Promise<{ results: tf.FetchedTensor[]; arenaBytes: number[] }> {
  const graph = new tf.Graph();
  const feeds = new Map<tf.Tensor, tf.FeedValue>();
  const input: Input = (given) => {
    const tensor = tf.placeholder(given.data instanceof Int32Array ? tf.int32 : tf.float32, given.shape);
    feeds.set(tensor, given);
    return tensor;
  };
  const { fetches, init } = graph.asDefault(() => ({ fetches: build(input), init: tf.globalVariablesInitializer() }));
  let results: tf.FetchedTensor[] | null = null;
  const arenaBytes: number[] = [];
  for (const planner of choices) {
    const session = await tf.Session.create({ graph, planner });
    await session.run(init);
    for (let run = 0; run < 2; run++) {
      const given = await session.run(fetches, feeds);
      results ??= given;
      expect(given, JSON.stringify({ ...planner, run })).toEqual(results);
    }
    arenaBytes.push(session.plan(fetches, feeds).parts.arenaBytes);
    session.close();
  }
  return { results: results!, arenaBytes };
}

// References

/** f over two operands as NumPy broadcasts them. */
export function broadcast(f: (a: number, b: number) => number, a: Values, b: Values): number[] {
  const rank = Math.max(a.shape.length, b.shape.length);
  const pad = (shape: readonly number[]): number[] => [...new Array<number>(rank - shape.length).fill(1), ...shape];
  const [shapeA, shapeB] = [pad(a.shape), pad(b.shape)];
  const out = shapeA.map((size, i) => (size === 1 ? shapeB[i] : size));
  return Array.from({ length: sizeOf(out) }, (_, index) => {
    const position = coordinates(index, out);
    const at = (shape: number[]): number =>
      shape.reduce((offset, size, i) => offset * size + (size === 1 ? 0 : position[i]), 0);
    return f(a.data[at(shapeA)], b.data[at(shapeB)]);
  });
}

/** Row-major coordinates of an element. */
export function coordinates(index: number, shape: readonly number[]): number[] {
  const position = new Array<number>(shape.length);
  let rest = index;
  for (let i = shape.length - 1; i >= 0; i--) {
    position[i] = rest % shape[i];
    rest = (rest - position[i]) / shape[i];
  }
  return position;
}
