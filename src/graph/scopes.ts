/** The default graph's scopes, seeds and collections as functions: tf.nameScope, tf.controlDependencies, … */
import { getDefaultGraph } from "./graph.ts";
import { Operation, Tensor } from "./operation.ts";
import { Variable } from "./variable.ts";
import { InvalidArgumentError } from "./errors.ts";

/** Runs `body` with its operations' names under `name/`. */
export function nameScope<T>(name: string, body: (scope: string) => T): T {
  return getDefaultGraph().nameScope(name, body);
}

/** Operations created in `body` (and only those) run after `inputs`. `null` drops all control dependencies. */
export function controlDependencies<T>(inputs: readonly (Operation | Tensor | Variable)[] | null, body: () => T): T {
  const ops = inputs?.map((input) => (input instanceof Variable ? input.ref : input)) ?? null;
  const graph = ops?.find((op) => op instanceof Operation || op instanceof Tensor)?.graph ?? getDefaultGraph();
  return graph.asDefault(() => graph.controlDependencies(ops as readonly (Operation | Tensor)[] | null, body));
}

/** Sets the seed from which the graph's random operations get theirs. */
export function setRandomSeed(seed: number): void {
  if (!Number.isSafeInteger(seed)) throw new InvalidArgumentError(`The seed must be an integer, got ${seed}.`);
  getDefaultGraph().seed = seed;
}

export function addToCollection(name: string, value: unknown): void {
  getDefaultGraph().addToCollection(name, value);
}

/** A copy of a collection of the default graph. */
export function getCollection<T = Operation | Tensor>(name: string, scope?: string): T[] {
  return getDefaultGraph().getCollection<T>(name, scope);
}
