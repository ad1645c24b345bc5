/** What a session keeps between runs: variables, random generators, and how often statistics were updated. */
import type { DType, TypedArray } from "../graph/dtype.ts";
import type { Operation } from "../graph/operation.ts";
import { FailedPreconditionError, InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import { formatShape, isFullyDefined, sizeOf } from "../graph/shape.ts";
import { variableType } from "../graph/variableOps.ts";
import type { Heap } from "./heap.ts";

export interface VariableSlot {
  readonly op: Operation;
  readonly dtype: DType;
  readonly address: number;
  readonly shape: readonly number[];
  readonly bytes: number;
  initialized: boolean;
  /** Written since the last `takeChanges`. */
  dirty: boolean;
}

/** Words of a generator: the counter (4) and the key (2) of Philox. */
export const generatorWords = 6;

export class SessionState {
  readonly #heap: Heap;
  readonly #variables = new Map<Operation, VariableSlot>();
  readonly #generators = new Map<Operation, number>();
  /** Generators restored before a plan uses them. */
  readonly #restoredGenerators = new Map<string, readonly number[]>();
  /** Seed of random operations that have none. */
  seed: number;
  /** Updates seen by layer; null after values came from elsewhere. */
  readonly updates = new Map<string, number | null>();

  constructor(heap: Heap, seed: number) {
    this.#heap = heap;
    this.seed = seed;
  }

  variable(op: Operation): VariableSlot {
    let slot = this.#variables.get(op);
    if (!slot) {
      const { shape, dtype } = variableType(op);
      if (!isFullyDefined(shape))
        throw new InvalidArgumentError(
          `The variable '${op.name}' has the shape ${formatShape(shape)}; variables need a full shape.`,
        );
      if (!dtype.array)
        throw new UnimplementedError(`The variable '${op.name}' has the dtype ${dtype.base}, which is not supported.`);
      const bytes = sizeOf(shape) * dtype.size;
      slot = { op, dtype, address: this.#heap.allocate(bytes), shape, bytes, initialized: false, dirty: false };
      this.#variables.set(op, slot);
    }
    return slot;
  }

  /** A variable's value in place, for those who only look at it at once; null before it has one. */
  peek(op: Operation): TypedArray | null {
    const slot = this.#variables.get(op);
    if (!slot?.initialized) return null;
    const at = slot.address / slot.dtype.size;
    return (this.#heap.view(slot.dtype) as Float32Array).subarray(at, at + sizeOf(slot.shape));
  }

  get variables(): Iterable<VariableSlot> {
    return this.#variables.values();
  }

  isInitialized(op: Operation): boolean {
    return this.#variables.get(op)?.initialized ?? false;
  }

  /** Throws TensorFlow's sentence unless the variable has a value. */
  requireInitialized(op: Operation): void {
    if (!this.isInitialized(op)) {
      throw new FailedPreconditionError(
        `Attempting to use uninitialized value '${op.name}'. Run globalVariablesInitializer() or restore a checkpoint first.`,
      );
    }
  }

  // Generators

  generatorAddress(op: Operation): number {
    let address = this.#generators.get(op);
    if (address === undefined) {
      const words = this.#restoredGenerators.get(op.name) ?? this.#freshGenerator(op);
      address = this.#heap.allocate(generatorWords * 4);
      this.#generators.set(op, address);
      this.#heap.views.int32.set(words, address / 4);
    }
    return address;
  }

  /** Philox as TensorFlow seeds it: the key is `seed`, the high half of the counter `seed2`. */
  #freshGenerator(op: Operation): number[] {
    let [seed, seed2] = [BigInt(op.int("seed", 0)), BigInt(op.int("seed2", 0))];
    if (seed === 0n && seed2 === 0n) [seed, seed2] = [BigInt(this.seed), BigInt(op.id + 1)];
    const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
    return [0, 0, low(seed2), low(seed2 >> 32n), low(seed), low(seed >> 32n)];
  }

  /** Generator states by operation name. */
  generators(): Record<string, number[]> {
    const result: Record<string, number[]> = Object.fromEntries(
      [...this.#restoredGenerators].map(([name, words]) => [name, [...words]]),
    );
    for (const [op, address] of this.#generators) {
      const words = Array.from(this.#heap.views.int32.subarray(address / 4, address / 4 + generatorWords));
      // One that has not been used is made anew from its seeds.
      if (words.some((word, i) => word !== this.#freshGenerator(op)[i])) result[op.name] = words;
      else delete result[op.name];
    }
    return result;
  }

  restoreGenerators(states: Readonly<Record<string, readonly number[]>>): void {
    this.#restoredGenerators.clear();
    for (const [name, words] of Object.entries(states)) this.#restoredGenerators.set(name, words);
    for (const [op, address] of this.#generators) {
      this.#heap.views.int32.set(this.#restoredGenerators.get(op.name) ?? this.#freshGenerator(op), address / 4);
    }
  }
}
