/** Buffers while a plan is compiled: which memory a tensor's value is in. Arena buffers get their place at the end. */
import type { DType, TypedArray } from "../../graph/dtype.ts";
import { InternalError, InvalidArgumentError } from "../../graph/errors.ts";
import type { Operation, Tensor } from "../../graph/operation.ts";
import { sizeOf } from "../../graph/shape.ts";
import { isVariable, variableType } from "../../graph/variableOps.ts";
import type { TensorValue } from "../../graph/tensorValue.ts";
import type { Heap } from "../heap.ts";
import type { Buffer, Storage } from "./plan.ts";
import type { Reach } from "./reach.ts";
import { exhausted } from "./shapes.ts";

/** Attribute blocks are small: they share blocks of the heap, of this size at least. */
const attributeBlockBytes = 4096;

export interface BufferRequest {
  readonly reach: Reach;
  readonly fedShapes: ReadonlyMap<Tensor, readonly number[]>;
  readonly heap: Heap;
  readonly maxMemoryBytes: number;
  /** Address of a variable, made where it does not exist yet. */
  readonly variableAddress: (op: Operation) => number;
}

export class PlanBuffers {
  readonly #request: BufferRequest;
  readonly #byRoot = new Map<Tensor, Buffer>();
  readonly #attributes = { address: 0, used: 0, bytes: 0 };
  shapes: ReadonlyMap<Tensor, readonly number[]> = new Map();
  /** Operations whose outputs kernels write. */
  computed: ReadonlySet<Operation> = new Set();
  readonly all: Buffer[] = [];
  /** Blocks of the heap that the plan owns. */
  readonly blocks: number[] = [];

  constructor(request: BufferRequest) {
    this.#request = request;
  }

  shapeOf(tensor: Tensor): readonly number[] {
    const shape = this.shapes.get(tensor);
    if (!shape) throw new InternalError(`The shape of '${tensor.name}' was asked before it was inferred.`);
    return shape;
  }

  make(
    storage: Storage,
    label: string,
    bytes: number,
    about: { shape?: readonly number[]; dtype?: DType; offset?: number } = {},
  ): Buffer {
    const buffer: Buffer = {
      storage,
      label,
      bytes,
      shape: about.shape ?? [],
      dtype: about.dtype ?? null,
      offset: about.offset ?? 0,
      firstStep: Infinity,
      lastStep: -Infinity,
    };
    this.all.push(buffer);
    return buffer;
  }

  /** The buffer of a tensor: that of its root, made on first use. */
  of(tensor: Tensor): Buffer {
    const root = this.#request.reach.rootOf(tensor);
    let buffer = this.#byRoot.get(root);
    if (!buffer) this.#byRoot.set(root, (buffer = this.#forRoot(root)));
    return buffer;
  }

  /** The buffer of a root, if it has one already. */
  known(root: Tensor): Buffer | undefined {
    return this.#byRoot.get(root);
  }

  /** Lets an output live where an input was. */
  share(output: Tensor, buffer: Buffer): void {
    this.#byRoot.set(output, buffer);
  }

  /** Writes an attribute block; gives its address. */
  attributes(words: readonly number[]): number {
    const memory = this.#attributes;
    const bytes = Math.ceil((words.length * 4) / 16) * 16;
    if (memory.used + bytes > memory.bytes) {
      memory.bytes = Math.max(attributeBlockBytes, bytes);
      memory.address = this.#allocate(memory.bytes);
      memory.used = 0;
    }
    const address = memory.address + memory.used;
    memory.used += bytes;
    this.#request.heap.views.int32.set(words, address / 4);
    return address;
  }

  #forRoot(root: Tensor): Buffer {
    const shape = this.shapeOf(root);
    const { op } = root;
    // A resource's own type says nothing of the value that it holds.
    const dtype = isVariable(op) ? variableType(op).dtype : root.dtype;
    const bytes = sizeOf(shape) * dtype.size;
    if (this.#request.fedShapes.has(root)) return this.make("arena", root.name, bytes, { shape, dtype });
    if (isVariable(op))
      return this.make("variable", op.name, bytes, { shape, dtype, offset: this.#request.variableAddress(op) });
    if (!dtype.array) {
      throw new InvalidArgumentError(
        `'${root.name}' (op: '${op.type}') has the dtype ${dtype}, which is not computed here.`,
      );
    }
    const value = this.computed.has(op) ? undefined : this.#request.reach.constants.valueOf(root);
    if (!value) return this.make("arena", root.name, bytes, { shape, dtype });
    const { maxMemoryBytes } = this.#request;
    if (bytes > maxMemoryBytes) throw exhausted(bytes, maxMemoryBytes, { label: root.name, shape, dtype, bytes });
    const offset = this.#allocate(bytes);
    this.#writeConstant(value, offset);
    return this.make("constant", root.name, bytes, { shape, dtype, offset });
  }

  #writeConstant({ dtype, shape, data: elements }: TensorValue, address: number): void {
    const at = address / dtype.size;
    const view = this.#request.heap.view(dtype) as Float32Array;
    const data = elements as TypedArray as Float32Array;
    const size = sizeOf(shape);
    view.set(data.length > size ? data.subarray(0, size) : data, at);
    if (data.length < size) view.fill(data[data.length - 1], at + data.length, at + size);
  }

  #allocate(bytes: number): number {
    const address = this.#request.heap.allocate(bytes);
    this.blocks.push(address);
    return address;
  }
}
