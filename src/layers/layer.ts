/** What all layers share: their scopes and the checks of their arguments (tensorflow/python/layers/base.py). */
import { InvalidArgumentError } from "../graph/errors.ts";
import { getDefaultGraph } from "../graph/graph.ts";
import type { Tensor } from "../graph/operation.ts";
import { variableScope } from "../ops/variables.ts";

/** Runs a layer in its variable scope: `name`, or a new one after the layer's kind (`conv2d`, `conv2d_1`, …). */
export function layerScope<T>(
  kind: string,
  input: Tensor,
  options: { name?: string; reuse?: boolean | "auto" },
  body: () => T,
): T {
  if (options.reuse && !options.name) {
    const builder = kind.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    throw new InvalidArgumentError(`layers.${builder}: reuse needs a name.`);
  }
  return input.graph.asDefault(() => {
    const name = options.name ?? uniqueLayerName(kind);
    return variableScope(name, () => body(), { reuse: options.reuse });
  });
}

const counters = new WeakMap<object, Map<string, number>>();

function uniqueLayerName(kind: string): string {
  const graph = getDefaultGraph();
  let counts = counters.get(graph);
  if (!counts) counters.set(graph, (counts = new Map()));
  const key = `${graph.variableScope.name}/${kind}`;
  const count = counts.get(key) ?? 0;
  counts.set(key, count + 1);
  return count ? `${kind}_${count}` : kind;
}

/** A pair from one size or two. */
export function pairOf(value: number | readonly [number, number], what: string): readonly [number, number] {
  const pair = typeof value === "number" ? ([value, value] as const) : value;
  if (pair.length !== 2 || !pair.every((item) => Number.isInteger(item) && item >= 1)) {
    throw new InvalidArgumentError(
      `${what} must be an integer of at least 1 or a pair of them, got ${JSON.stringify(value)}.`,
    );
  }
  return pair;
}

/** TensorFlow's lower-case padding of layers as its ops spell it. */
export function paddingOf(value: string, what: string): "SAME" | "VALID" {
  const upper = value.toUpperCase();
  if (upper !== "SAME" && upper !== "VALID")
    throw new InvalidArgumentError(`${what} must be "valid" or "same", got "${value}".`);
  return upper;
}
