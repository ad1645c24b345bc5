/** Running a plan: feeds in, kernels called, fetches out. A run allocates nothing but what is fetched. */
import type { DType, TypedArray } from "../../graph/dtype.ts";
import type { Operation } from "../../graph/operation.ts";
import { Tensor } from "../../graph/operation.ts";
import { sizeOf } from "../../graph/shape.ts";
import { FetchedTensor } from "../../graph/tensorValue.ts";
import type { BufferRef, CheckError, KernelExports } from "../../ops/definition.ts";
import { writeFeed, type Feed } from "../feeds.ts";
import type { Heap } from "../heap.ts";
import type { Buffer, FetchSource, Plan, StepGuard } from "./plan.ts";

/** What a profiled run tells of its steps. */
export interface StepClock {
  startRun(): void;
  stopRun(): void;
  start(step: number): void;
  stop(step: number): void;
}

type Kernel = (...args: number[]) => unknown;

interface BoundStep {
  readonly kernel: Kernel;
  readonly args: number[];
  readonly guards: readonly StepGuard[];
  readonly check: CheckError | undefined;
  readonly frees: readonly Buffer[];
}

export class Executor {
  readonly #plan: Plan;
  readonly #heap: Heap;
  readonly #kernels: KernelExports;
  readonly #poison: boolean;
  #arena = -1;
  /** False while a run writes its feeds: until then it has changed nothing, and made no copies. */
  #started = false;
  readonly #written: Operation[] = [];
  readonly #moved: Operation[] = [];
  #steps: readonly BoundStep[] = [];

  constructor(plan: Plan, heap: Heap, kernels: KernelExports, poison: boolean) {
    this.#plan = plan;
    this.#heap = heap;
    this.#kernels = kernels;
    this.#poison = poison;
  }

  /** Resolves every address for an arena at `address`. */
  bind(address: number): void {
    if (address === this.#arena) return;
    this.#arena = address;
    this.#steps = this.#plan.parts.steps.map((step) => ({
      kernel: this.#kernels[step.kernel] as Kernel,
      args: step.args.map((arg) => (typeof arg === "number" ? arg : this.#addressOf(arg))),
      guards: step.guards,
      check: step.check?.error,
      frees: step.frees,
    }));
  }

  run(feeds: readonly Feed[], clock?: StepClock): void {
    clock?.startRun();
    this.#started = false;
    if (this.#poison) this.#poisonArena();
    for (let i = 0; i < feeds.length; i++) {
      const feed = feeds[i];
      const address = this.#addressOf(this.#plan.parts.feeds[i].buffer);
      if (feed.write) feed.write(this.#heap, address, this.#kernels);
      else writeFeed(this.#heap, feed, address);
    }
    this.#started = true;
    for (let i = 0; i < this.#steps.length; i++) {
      const step = this.#steps[i];
      if (step.guards.length > 0 && !this.#holds(step.guards)) continue;
      clock?.start(i);
      const code = step.kernel(...step.args);
      clock?.stop(i);
      if (step.check && code !== 0) throw step.check(code as number, this.#read);
      if (this.#poison) for (const buffer of step.frees) this.#fill(this.#addressOf(buffer), buffer.bytes);
    }
    clock?.stopRun();
  }

  /** False where the last run ended in writing its feeds. */
  get started(): boolean {
    return this.#started;
  }

  /** Puts variables and generators back to what they were before a run that is refused. */
  takeBack(): void {
    if (!this.#started) return;
    for (const { of, copy } of this.#plan.parts.shadows)
      this.#kernels.copyBytes(this.#addressOf(of), this.#addressOf(copy), of.bytes);
  }

  /** The only element of the fetched tensor `index`. */
  scalar(index: number): number {
    const { fetch, buffer } = this.#plan.parts.fetches[index];
    const { dtype } = fetch as Tensor;
    return Number(this.#heap.view(dtype)[this.#addressOf(buffer!) / dtype.size]);
  }

  /** A fetched tensor whose branch this run did not take. */
  missingFetch(): FetchSource | null {
    for (const source of this.#plan.parts.fetches) if (!this.#holds(source.guards)) return source;
    return null;
  }

  /** Copies of the fetched tensors, undefined for operations. */
  fetch(): (FetchedTensor | undefined)[] {
    return this.#plan.parts.fetches.map((source) => {
      if (!(source.fetch instanceof Tensor) || !source.buffer) return undefined;
      const { dtype } = source.fetch;
      const data = this.#heap.read(dtype, this.#addressOf(source.buffer), sizeOf(source.shape));
      return new FetchedTensor(data, source.shape, dtype.base.name);
    });
  }

  /** Room for the values of `wanted` fetches after each of `repeat` runs. */
  stacks(wanted: readonly number[], repeat: number): FetchedTensor[] {
    return wanted.map((i) => {
      const source = this.#plan.parts.fetches[i];
      const { dtype } = source.fetch as Tensor;
      const data: TypedArray = new dtype.array!(repeat * sizeOf(source.shape));
      return new FetchedTensor(data, [repeat, ...source.shape], dtype.base.name);
    });
  }

  /** Copies the `wanted` fetches into row `run` of their stacks. */
  collect(wanted: readonly number[], stacks: readonly FetchedTensor[], run: number): void {
    wanted.forEach((i, k) => {
      const source = this.#plan.parts.fetches[i];
      const { dtype } = source.fetch as Tensor;
      const size = sizeOf(source.shape);
      const view = this.#heap.view(dtype) as Float32Array;
      const at = this.#addressOf(source.buffer!) / dtype.size;
      const row = stacks[k].data as Float32Array;
      for (let j = 0; j < size; j++) row[run * size + j] = view[at + j];
    });
  }

  /** Variables that the last run wrote; valid until the next. */
  written(): readonly Operation[] {
    this.#written.length = 0;
    for (const { variable, guards } of this.#plan.parts.writes) if (this.#holds(guards)) this.#written.push(variable);
    return this.#written;
  }

  /** Updates of batch-norm statistics that ran with a decay other than 0; valid until the next run. */
  movedStatistics(): readonly Operation[] {
    this.#moved.length = 0;
    const { float32 } = this.#heap.views;
    for (const { update, decay, guards } of this.#plan.parts.counters)
      if (this.#holds(guards) && float32[this.#addressOf(decay) / 4] !== 0) this.#moved.push(update);
    return this.#moved;
  }

  readonly #read = (ref: BufferRef, dtype: DType): TypedArray => {
    const buffer = ref as Buffer;
    return this.#heap.read(dtype, this.#addressOf(buffer), buffer.bytes / dtype.size);
  };

  #addressOf(buffer: Buffer): number {
    return buffer.storage === "arena" ? this.#arena + buffer.offset : buffer.offset;
  }

  #holds(guards: readonly StepGuard[]): boolean {
    for (const { predicate, value } of guards)
      if ((this.#heap.views.uint8[this.#addressOf(predicate)] !== 0) !== value) return false;
    return true;
  }

  #poisonArena(): void {
    this.#fill(this.#arena, this.#plan.parts.arenaBytes);
  }

  /** All bits set: NaN for floats, and nothing sensible for the rest. */
  #fill(address: number, bytes: number): void {
    this.#heap.views.uint8.fill(255, address, address + bytes);
  }
}
