/** The counter of training steps (tensorflow/python/training/training_util.py). */
import { GraphKeys } from "../graph/collections.ts";
import { int64 } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import { getDefaultGraph, type Graph } from "../graph/graph.ts";
import { Variable } from "../graph/variable.ts";
import { zerosInitializer } from "../ops/initializers.ts";
import { getVariable } from "../ops/variables.ts";

/** The variable in the collection GLOBAL_STEP, or null. */
export function getGlobalStep(graph: Graph = getDefaultGraph()): Variable | null {
  const steps = graph.getCollection(GraphKeys.GLOBAL_STEP);
  if (steps.length > 1)
    throw new InvalidArgumentError(`Multiple tensors in the collection ${GraphKeys.GLOBAL_STEP}: ${steps.length}.`);
  const [step] = steps;
  return step instanceof Variable ? step : null;
}

/** A new int64 scalar `global_step` that starts at 0 and is not trainable.
 * @throws InvalidArgumentError where the graph has one */
export function createGlobalStep(graph: Graph = getDefaultGraph()): Variable {
  if (getGlobalStep(graph)) throw new InvalidArgumentError('"global_step" already exists.');
  return graph.asDefault(() =>
    getVariable("global_step", [], {
      dtype: int64,
      initializer: zerosInitializer(),
      trainable: false,
      collections: [GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP],
    }),
  );
}

/** The graph's step counter, made where there is none. */
export function getOrCreateGlobalStep(graph: Graph = getDefaultGraph()): Variable {
  return getGlobalStep(graph) ?? createGlobalStep(graph);
}
