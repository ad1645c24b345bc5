/** Making variables: getVariable, variable scopes, initialisers' calling convention (tensorflow/python/ops/variable_scope.py). */
import { attr } from "../graph/attr.ts";
import { GraphKeys } from "../graph/collections.ts";
import { float32, type DType } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import { getDefaultGraph, type Graph } from "../graph/graph.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import { formatShape, isCompatible, isFullyDefined, type Shape } from "../graph/shape.ts";
import { Variable } from "../graph/variable.ts";
import { isResource } from "../graph/variableOps.ts";
import { convertToTensor, type TensorLike } from "./build.ts";
import { group, identity } from "./identity.ts";
import { glorotUniformInitializer } from "./initializers.ts";
import { hasValue, readResource, resourceOp } from "./resource.ts";
import { assignOp, variableOp } from "./state.ts";

/** Gives a tensor of the shape: the first value of a variable. */
export type Initializer = (shape: readonly number[], dtype: DType) => Tensor;
export type Regularizer = (weights: Tensor) => Tensor | null;

export interface VariableOptions {
  dtype?: DType;
  /** Default: Glorot uniform. */
  initializer?: Initializer;
  regularizer?: Regularizer | null;
  /** Default true: optimizers may change it. */
  trainable?: boolean;
  /** True: a resource variable (VarHandleOp), as TensorFlow 2's compat.v1 makes them. Default: what the variable scope says,
   * false in the outermost, as in TensorFlow 1. */
  useResource?: boolean;
  /** Collections besides TRAINABLE_VARIABLES; default GLOBAL_VARIABLES. */
  collections?: readonly string[];
}

/** The variable's operations, named as TensorFlow names them: <name>, <name>/Assign, <name>/read, and before them what
 * `make` adds. Made outside of control dependencies and `cond` branches, since a variable exists once.
 * @param make gives the first value and the reference, for the scope's name */
function makeVariable(
  graph: Graph,
  name: string,
  make: (scope: string) => [initialValue: Tensor, ref: Tensor],
  options: VariableOptions,
): Variable {
  return graph.controlDependencies(null, () =>
    graph.nameScope(name, (scope) => {
      const [initialValue, ref] = make(scope);
      if (isResource(ref)) graph.nameScope("IsInitialized", () => hasValue(ref));
      const initializer = assignOp(ref, initialValue);
      const snapshot = isResource(ref)
        ? graph.nameScope("Read", () => readResource(ref))
        : graph.colocateWith(ref.op, () => identity(ref, "read"));
      const trainable = options.trainable ?? true;
      const read = isResource(ref) && { read: () => readResource(ref) };
      const variable = new Variable({ op: ref.op, initializer, initialValue, snapshot, trainable, ...read });
      for (const collection of options.collections ?? [GraphKeys.GLOBAL_VARIABLES])
        graph.addToCollection(collection, variable);
      if (trainable) graph.addToCollection(GraphKeys.TRAINABLE_VARIABLES, variable);
      return variable;
    }),
  );
}

/** A new variable called `name` (made unique) with an initial value. */
export function variable(
  initialValue: TensorLike,
  options: Omit<VariableOptions, "initializer"> & { name?: string } = {},
): Variable {
  const graph = getDefaultGraph();
  return makeVariable(
    graph,
    options.name ?? "Variable",
    (scope) => {
      const value = convertToTensor(initialValue, { dtype: options.dtype, name: "initial_value" });
      return [value, newVariable(options, value.shape, value.dtype.base, scope)];
    },
    options,
  );
}

/** The operation that holds a new variable. */
function newVariable(options: VariableOptions, shape: Shape, dtype: DType, scope: string): Tensor {
  const useResource = options.useResource ?? getDefaultGraph().variableScope.useResource ?? false;
  return useResource ? resourceOp(shape, dtype, scope) : variableOp(shape, dtype, scope);
}

const stores = new WeakMap<Graph, Map<string, Variable>>();

/** Opens a variable scope, which is a name scope too. `reuse`: true takes known variables only, "auto" either; false
 * (the default) means what the scope around it does. `useResource`: whether its variables are resources. */
export function variableScope<T>(
  name: string,
  body: (scope: { name: string; nameScope: string }) => T,
  options: { reuse?: boolean | "auto"; useResource?: boolean } = {},
): T {
  const graph = getDefaultGraph();
  const outer = graph.variableScope;
  const full = outer.name ? `${outer.name}/${name}` : name;
  const useResource = options.useResource ?? outer.useResource ?? false;
  return graph.withVariableScope({ name: full, reuse: options.reuse || outer.reuse, useResource }, () =>
    graph.nameScope(name, (nameScope) => body({ name: full, nameScope })),
  );
}

/** The variable of that name in the current variable scope: made, or, in a reusing scope, the one that is there.
 * @throws InvalidArgumentError where it exists and reuse is off, or does not and reuse is on. */
export function getVariable(name: string, shape?: Shape, options: VariableOptions = {}): Variable {
  const graph = getDefaultGraph();
  const scope = graph.variableScope;
  const full = scope.name ? `${scope.name}/${name}` : name;
  let store = stores.get(graph);
  if (!store) stores.set(graph, (store = new Map()));
  const known = store.get(full);
  if (known) {
    if (scope.reuse === false) {
      throw new InvalidArgumentError(
        `Variable ${full} already exists, disallowed. Did you mean to set reuse: true or reuse: "auto" in variableScope?`,
      );
    }
    const dtype = options.dtype ?? float32;
    if (shape && !isCompatible(known.shape as readonly number[], shape)) {
      throw new InvalidArgumentError(
        `Trying to share variable ${full}, but specified shape ${formatShape(shape)} and found shape ${formatShape(known.shape)}.`,
      );
    }
    if (dtype !== known.dtype) {
      throw new InvalidArgumentError(
        `Trying to share variable ${full}, but specified dtype ${dtype} and found dtype ${known.dtype}.`,
      );
    }
    return known;
  }
  if (scope.reuse === true) {
    throw new InvalidArgumentError(
      `Variable ${full} does not exist, or was not created with getVariable(). Did you mean to set reuse: "auto" in variableScope?`,
    );
  }
  if (shape === undefined || !isFullyDefined(shape)) {
    throw new InvalidArgumentError(
      `Shape of a new variable (${full}) must be fully defined, got ${shape === undefined ? "none" : JSON.stringify(shape)}.`,
    );
  }
  const initializer = options.initializer ?? glorotUniformInitializer();
  // The full name stands already: variable scopes do not open their name scope for the variable itself.
  const dtype = options.dtype ?? float32;
  const made = graph.nameScope("", () =>
    makeVariable(
      graph,
      full,
      (scope) =>
        graph.attrScope({ _class: attr.strings([`loc:@${scope.slice(0, -1)}`]) }, () => {
          const value = graph.nameScope("Initializer", () => initializer(shape, dtype));
          return [value, newVariable(options, shape, value.dtype.base, scope)];
        }),
      options,
    ),
  );
  store.set(full, made);
  if (options.regularizer) {
    const regularizer = options.regularizer;
    const loss = graph.nameScope(`${full}/Regularizer/`, () => regularizer(made.value()));
    if (loss) graph.addToCollection(GraphKeys.REGULARIZATION_LOSSES, loss);
  }
  return made;
}

/** All variables that checkpoints hold. */
export function globalVariables(): Variable[] {
  return getDefaultGraph().getCollection<Variable>(GraphKeys.GLOBAL_VARIABLES);
}

/** The variables that optimizers change. */
export function trainableVariables(): Variable[] {
  return getDefaultGraph().getCollection<Variable>(GraphKeys.TRAINABLE_VARIABLES);
}

/** The operation that sets all global variables to their initial values. */
export function globalVariablesInitializer(): Operation {
  return group(
    globalVariables().map((item) => item.initializer),
    "init",
  );
}

/** The variables that belong to one process: the counters of metrics. */
export function localVariables(): Variable[] {
  return getDefaultGraph().getCollection<Variable>(GraphKeys.LOCAL_VARIABLES);
}

/** The operation that sets all local variables to their initial values. */
export function localVariablesInitializer(): Operation {
  return group(
    localVariables().map((item) => item.initializer),
    "init",
  );
}
