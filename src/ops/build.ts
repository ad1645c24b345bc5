/** Creating operations by their definitions: names, shape inference, and the texts of errors at build. */
import type { Attrs } from "../graph/attr.ts";
import { attr } from "../graph/attr.ts";
import type { DType } from "../graph/dtype.ts";
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import { getDefaultGraph, type Graph } from "../graph/graph.ts";
import { Operation, Tensor } from "../graph/operation.ts";
import { formatShape, isFullyDefined, type Shape } from "../graph/shape.ts";
import { toTensorValue, type FeedValue, type TensorValue } from "../graph/tensorValue.ts";
import { Variable } from "../graph/variable.ts";
import { attach, definitionOf } from "./attached.ts";
import { Const } from "./constant.ts";
import { viewed, type NodeView, type OpDefinition } from "./definition.ts";
import { checkInputTypes } from "./inputTypes.ts";

/** Anything a builder accepts where it needs a tensor. */
export type TensorLike = Tensor | Variable | FeedValue;

/** Adds an operation of the given definition to the graph of its inputs (else the default graph).
 * `name` ending in "/" is taken as it is; otherwise it is made unique in the current scope. */
export function createOp(definition: OpDefinition, inputs: readonly Tensor[], attrs: Attrs, name: string): Operation {
  const graph = inputs.length ? inputs[0].graph : getDefaultGraph();
  const full = name.endsWith("/") ? name.slice(0, -1) : graph.uniqueName(name);
  const probe = new Operation(graph, -1, {
    type: definition.type,
    name: full,
    inputs: [],
    controlInputs: [],
    attrs,
    outputs: [],
  });
  const node: NodeView = {
    op: probe,
    inputCount: inputs.length,
    inputShape: (i) => inputs[i].shape,
    inputDtype: (i) => inputs[i].dtype,
    constant: (i) => constantValue(inputs[i]),
  };
  checkInputTypes(definition, node, full, (i) => inputs[i].name);
  const dtypes = definition.outputs(node);
  const shapes = inferShapes(
    definition,
    node,
    full,
    inputs.map((input) => input.shape),
  );
  const outputs = dtypes.map((dtype, i) => ({ dtype, shape: shapes[i] }));
  // As TensorFlow's builders do, the operation's own name is a scope while it is made: a Switch that `cond` puts in
  // front of an input is called <name>/Switch.
  return graph.nameScope(`${full}/`, () =>
    attach(graph.createOperation({ type: definition.type, name: full, inputs, attrs, outputs }), definition),
  );
}

/** Runs a shape rule and puts the operation and its input shapes into the error. */
export function inferShapes(
  definition: OpDefinition,
  node: NodeView,
  name: string,
  shapes: readonly Shape[],
): readonly Shape[] {
  try {
    return definition.shape(node);
  } catch (error) {
    const list = shapes.map(formatShape).join(", ");
    const where = ` for '${name}' (op: '${definition.type}') with input shapes: ${list}.`;
    if (error instanceof InvalidArgumentError) throw new InvalidArgumentError(error.message.replace(/\.$/, "") + where);
    if (error instanceof UnimplementedError) throw new UnimplementedError(error.message.replace(/\.$/, "") + where);
    throw error;
  }
}

/** The value of a tensor that is the same in every run, whatever is fed to placeholders: a Const behind any number of
 * views (Identity, Reshape), or what folds from such (a shape, axes). */
export function constantValue(tensor: Tensor): TensorValue | undefined {
  const { op } = tensor;
  if (op.type === "Const") return op.tensor("value");
  const { fold, plan } = definitionOf(op);
  if (fold) return fold(builtView(op))?.[tensor.index];
  // A placeholder passes its default on, but may be fed.
  if (plan.kind !== "view" || op.type === "PlaceholderWithDefault") return undefined;
  const value = constantValue(op.inputs[viewed(plan, tensor.index)]);
  const { shape } = tensor;
  return value && isFullyDefined(shape) ? { ...value, shape } : undefined;
}

/** An operation of the graph as rules see it while the graph is built. */
function builtView(op: Operation): NodeView {
  const values = new Map<number, TensorValue | undefined>();
  return {
    op,
    inputCount: op.inputs.length,
    inputShape: (i) => op.inputs[i].shape,
    inputDtype: (i) => op.inputs[i].dtype,
    constant(i) {
      // Rules ask more than once, and every question goes back through the graph.
      if (!values.has(i)) values.set(i, constantValue(op.inputs[i]));
      return values.get(i);
    },
  };
}

/** A constant operation. Without a dtype, whole numbers give int32, others float32, booleans bool. A single value fills `shape`. */
export function constant(
  value: FeedValue,
  options: { dtype?: DType; shape?: readonly number[]; name?: string } = {},
): Tensor {
  const tensor = toTensorValue(value, options.dtype, options.shape);
  return createOp(Const, [], { value: attr.tensor(tensor), dtype: attr.type(tensor.dtype) }, options.name ?? "Const")
    .outputs[0];
}

/** `value` as a tensor: a variable gives its read, anything but a tensor a Const. */
export function convertToTensor(value: TensorLike, options: { dtype?: DType; name?: string } = {}): Tensor {
  const tensor = value instanceof Variable ? value.value() : value;
  if (!(tensor instanceof Tensor)) return constant(tensor, options);
  if (options.dtype && tensor.dtype.base !== options.dtype.base) {
    throw new InvalidArgumentError(
      `Tensor '${tensor.name}' has the dtype ${tensor.dtype.base}, ${options.dtype} is needed.`,
    );
  }
  return tensor;
}

/** The graph that a builder with these arguments adds to. */
export function graphOf(values: readonly unknown[]): Graph {
  for (const value of values) {
    if (value instanceof Tensor || value instanceof Variable) return value.graph;
  }
  return getDefaultGraph();
}

/** Opens the scope of a composed builder: `body` gets the name for its last operation. */
export function opScope<T>(name: string, values: readonly unknown[], body: (scope: string) => T): T {
  const graph = graphOf(values);
  return graph.nameScope(name, (scope) => graph.asDefault(() => body(scope)));
}
