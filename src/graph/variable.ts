/** A variable as programs hold it: the reference, its read, and the operation that initialises it. */
import type { DType } from "./dtype.ts";
import type { Graph } from "./graph.ts";
import type { Operation, Tensor } from "./operation.ts";
import type { Shape } from "./shape.ts";
import { variableType } from "./variableOps.ts";

export class Variable {
  /** The operation that holds it: VariableV2 or VarHandleOp. */
  readonly op: Operation;
  readonly initializer: Operation;
  readonly initialValue: Tensor;
  readonly trainable: boolean;
  readonly #snapshot: Tensor;
  readonly #read: (() => Tensor) | undefined;

  constructor(parts: {
    op: Operation;
    initializer: Operation;
    initialValue: Tensor;
    snapshot: Tensor;
    trainable: boolean;
    /** Adds another read, as a resource has one wherever it is used. */
    read?: () => Tensor;
  }) {
    this.op = parts.op;
    this.initializer = parts.initializer;
    this.initialValue = parts.initialValue;
    this.trainable = parts.trainable;
    this.#snapshot = parts.snapshot;
    this.#read = parts.read;
  }

  /** `<operation>:0`, as TensorFlow names variables. */
  get name(): string {
    return this.op.outputs[0].name;
  }

  get graph(): Graph {
    return this.op.graph;
  }

  get dtype(): DType {
    return variableType(this.op).dtype;
  }

  get shape(): Shape {
    return variableType(this.op).shape;
  }

  /** The reference or resource itself, what assignments take. */
  get ref(): Tensor {
    return this.op.outputs[0];
  }

  /** `<name>/read`; of a resource a read of its own. Fetched in a run that updates the variable it gives the new value. */
  value(): Tensor {
    return this.#read ? this.#read() : this.#snapshot;
  }
}
