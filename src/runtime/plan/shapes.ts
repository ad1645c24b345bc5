/** Shapes while a plan is compiled: every one is known, from what is fed. */
import type { DType } from "../../graph/dtype.ts";
import { InvalidArgumentError, ResourceExhaustedError } from "../../graph/errors.ts";
import type { Operation, Tensor } from "../../graph/operation.ts";
import { formatShape, isFullyDefined, sizeOf } from "../../graph/shape.ts";
import { inferShapes } from "../../ops/build.ts";
import { viewed, type OpDefinition } from "../../ops/definition.ts";
import { formatBytes } from "../heap.ts";
import type { PlanNode } from "./order.ts";
import type { Reach } from "./reach.ts";

export interface ShapeRequest {
  readonly reach: Reach;
  readonly fedShapes: ReadonlyMap<Tensor, readonly number[]>;
  readonly definitionOf: (op: Operation) => OpDefinition;
  readonly maxMemoryBytes: number;
}

/** Up to this size a tensor can be planned for, so that the error tells what the whole step needs; beyond it the sizes
 * that kernels compute would overflow. */
const plannableBytes = 2 ** 28;

/** The shape of every tensor of the plan. */
export function inferPlanShapes(nodes: readonly PlanNode[], request: ShapeRequest): Map<Tensor, readonly number[]> {
  const shapes = new Map<Tensor, readonly number[]>(request.fedShapes);
  const { constants } = request.reach;
  constants.useShapes(shapes);
  for (const op of nodes.flatMap((node) => node.operations)) {
    const definition = request.definitionOf(op);
    const inputs = op.inputs.map((input) => shapes.get(input) ?? input.shape);
    const node = constants.view(op);
    const inferred =
      definition.plan.kind === "merge"
        ? [mergedShape(op, request.reach, shapes), []]
        : inferShapes(definition, node, op.name, inputs);
    op.outputs.forEach((output, i) => {
      if (request.fedShapes.has(output)) return;
      let shape = inferred[i];
      // A placeholder with a default declares less than the default is.
      if (!isFullyDefined(shape) && definition.plan.kind === "view") shape = inputs[viewed(definition.plan, i)];
      if (!isFullyDefined(shape)) shape = constants.valueOf(output)?.shape ?? shape;
      if (!isFullyDefined(shape)) {
        throw new InvalidArgumentError(
          `The shape of '${output.name}' (op: '${op.type}') is not known before the run: ${formatShape(shape)}. Feed or declare full shapes.`,
        );
      }
      const bytes = sizeOf(shape) * output.dtype.size;
      if (bytes > Math.max(request.maxMemoryBytes, plannableBytes)) {
        throw exhausted(bytes, request.maxMemoryBytes, { label: output.name, shape, dtype: output.dtype, bytes });
      }
      shapes.set(output, shape);
    });
  }
  return shapes;
}

function mergedShape(op: Operation, reach: Reach, shapes: ReadonlyMap<Tensor, readonly number[]>): readonly number[] {
  const [first, ...others] = reach.inputsOf(op).map((input) => shapes.get(input)!);
  for (const other of others) {
    if (formatShape(other) !== formatShape(first)) {
      throw new InvalidArgumentError(
        `The branches of '${op.name}' (op: '${op.type}') give different shapes, ${formatShape(first)} and ${formatShape(other)}, and only the run decides which: that is not supported.`,
      );
    }
  }
  return first;
}

/** TensorFlow's class for "too large", with the figure and the largest tensor. */
export function exhausted(
  bytes: number,
  limit: number,
  largest: { label: string; shape: readonly number[]; dtype: DType | null; bytes: number },
): ResourceExhaustedError {
  const what = largest.dtype ? `'${largest.label}' [${largest.shape.join(",")}] ${largest.dtype.base}` : largest.label;
  return new ResourceExhaustedError(
    `This step needs ${formatBytes(bytes)} of tensor memory, the limit is ${formatBytes(limit)} (largest: ${what}, ${formatBytes(largest.bytes)}). Feed a smaller batch or raise maxMemoryBytes.`,
  );
}
