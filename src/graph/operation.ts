/** Operations and the tensors they give: the nodes and edges of a graph. */
import type { Attr, Attrs } from "./attr.ts";
import { unknownType, type DType } from "./dtype.ts";
import { InternalError, InvalidArgumentError, UnimplementedError } from "./errors.ts";
import type { Graph } from "./graph.ts";
import { mergeShapes, type Shape } from "./shape.ts";
import type { TensorValue } from "./tensorValue.ts";

/** One output of an operation: a symbolic value, computed by `Session.run`. */
export class Tensor {
  readonly op: Operation;
  /** Which of the operation's outputs it is. */
  readonly index: number;
  /** Its type; a reference type where it is a ref variable. */
  readonly dtype: DType;
  #shape: Shape;
  /** Operations that take it as a data input, in order of creation. */
  readonly consumers: Operation[] = [];

  constructor(op: Operation, index: number, dtype: DType, shape: Shape) {
    this.op = op;
    this.index = index;
    this.dtype = dtype;
    this.#shape = shape;
  }

  /** What is known of its shape when the graph is built. */
  get shape(): Shape {
    return this.#shape;
  }

  /** Adds what the caller knows of the shape: what is made of this tensor from now on sees it.
   * @throws InvalidArgumentError where it contradicts what is known. */
  setShape(shape: Shape): void {
    this.#shape = mergeShapes(this.#shape, shape);
  }

  /** `<operation>:<index>`. */
  get name(): string {
    return `${this.op.name}:${this.index}`;
  }

  get graph(): Graph {
    return this.op.graph;
  }

  toString(): string {
    return `Tensor("${this.name}", dtype=${this.dtype})`;
  }
}

export interface OutputSpec {
  readonly dtype: DType;
  readonly shape: Shape;
}

export interface OperationSpec {
  readonly type: string;
  /** The full name, unique in the graph. */
  readonly name: string;
  readonly inputs: readonly Tensor[];
  readonly controlInputs: readonly Operation[];
  readonly attrs: Attrs;
  readonly outputs: readonly OutputSpec[];
  readonly device?: string;
}

/** A node of the graph. Made by the op builders or by import, never directly. */
export class Operation {
  readonly graph: Graph;
  /** Order of creation in its graph, from 0. */
  readonly id: number;
  readonly type: string;
  readonly name: string;
  readonly device: string;
  readonly outputs: readonly Tensor[];
  readonly #inputs: Tensor[];
  /** Inputs tied after creation: TensorFlow writes their output index even where it is 0. */
  readonly #rewired = new Set<number>();
  readonly #controlInputs: Operation[];
  readonly #attrs: Record<string, Attr>;

  constructor(graph: Graph, id: number, spec: OperationSpec) {
    this.graph = graph;
    this.id = id;
    this.type = spec.type;
    this.name = spec.name;
    this.device = spec.device ?? "";
    this.#inputs = [...spec.inputs];
    this.#controlInputs = [...spec.controlInputs];
    this.#attrs = { ...spec.attrs };
    this.outputs = spec.outputs.map((output, i) => new Tensor(this, i, output.dtype, output.shape));
    for (const input of this.#inputs) input.consumers.push(this);
  }

  get inputs(): readonly Tensor[] {
    return this.#inputs;
  }

  get controlInputs(): readonly Operation[] {
    return this.#controlInputs;
  }

  get attrs(): Attrs {
    return this.#attrs;
  }

  /** Replaces an input; `cond` does so with values from outside, which must pass through a Switch. */
  updateInput(index: number, tensor: Tensor): void {
    const consumers = this.#inputs[index].consumers;
    consumers.splice(consumers.indexOf(this), 1);
    this.#inputs[index] = tensor;
    this.#rewired.add(index);
    tensor.consumers.push(this);
  }

  /** Appends a data input: import ties edges when all nodes exist. */
  addInput(tensor: Tensor, rewired: boolean): void {
    if (rewired) this.#rewired.add(this.#inputs.length);
    this.#inputs.push(tensor);
    tensor.consumers.push(this);
  }

  isRewired(index: number): boolean {
    return this.#rewired.has(index);
  }

  addControlInput(op: Operation): void {
    if (!this.#controlInputs.includes(op)) this.#controlInputs.push(op);
  }

  setAttr(name: string, value: Attr): void {
    this.#attrs[name] = value;
  }

  hasAttr(name: string): boolean {
    return Object.hasOwn(this.#attrs, name);
  }

  /** An attribute's value; `fallback` (the op's default) where the node does not carry it. */
  int(name: string, fallback?: number): number {
    return Number(this.#read(name, "i", fallback));
  }

  float(name: string, fallback?: number): number {
    return this.#read(name, "f", fallback) as number;
  }

  bool(name: string, fallback?: boolean): boolean {
    return this.#read(name, "b", fallback) as boolean;
  }

  string(name: string, fallback?: string): string {
    return this.#read(name, "s", fallback) as string;
  }

  /** Of an imported operation it may be a type that is not known here (half, complex): only a run refuses that. */
  dtype(name: string): DType {
    if (this.hasAttr(name) && "opaque" in this.#attrs[name]) return unknownType;
    return this.#read(name, "type") as DType;
  }

  shape(name: string): Shape {
    return this.#read(name, "shape") as Shape;
  }

  /** @throws UnimplementedError for elements of a type that is not known here. */
  tensor(name: string): TensorValue {
    if (this.hasAttr(name) && "opaque" in this.#attrs[name])
      throw new UnimplementedError(`The '${name}' of '${this.name}' has elements of a type that is not supported.`);
    return this.#read(name, "tensor") as TensorValue;
  }

  ints(name: string, fallback: readonly number[] = []): number[] {
    if (!this.hasAttr(name)) return [...fallback];
    const value = this.#attrs[name];
    if (!("list" in value)) throw this.#wrongAttr(name, "list(int)");
    return (value.list.i ?? []).map(Number);
  }

  /** The operations it is placed with (TensorFlow's `_class` attribute), itself if none. */
  get colocationGroups(): string[] {
    const value = this.#attrs._class;
    const groups = value && "list" in value ? (value.list.s ?? []) : [];
    return groups.length ? groups.map(String) : [`loc:@${this.name}`];
  }

  #read(name: string, field: string, fallback?: unknown): unknown {
    const value = this.#attrs[name] as Record<string, unknown> | undefined;
    if (value === undefined) {
      if (fallback !== undefined) return fallback;
      throw this.#wrongAttr(name, field);
    }
    if (!(field in value)) throw this.#wrongAttr(name, field);
    return value[field];
  }

  #wrongAttr(name: string, field: string): InvalidArgumentError {
    return new InvalidArgumentError(
      `'${this.name}' (op: '${this.type}') needs an attribute '${name}' of kind ${field}.`,
    );
  }

  toString(): string {
    return `<Operation '${this.name}' type=${this.type}>`;
  }
}

/** The only output of an operation that has exactly one. */
export function onlyOutput(op: Operation): Tensor {
  if (op.outputs.length !== 1)
    throw new InternalError(`'${op.name}' has ${op.outputs.length} outputs, one was expected.`);
  return op.outputs[0];
}
