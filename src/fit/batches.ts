/** Steps over batches of columns: rows are gathered into the place where the step reads them. */
import type { Finding } from "../doctor/finding.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import { sizeOf } from "../graph/shape.ts";
import type { Feeds } from "../runtime/feeds.ts";
import type { Heap } from "../runtime/heap.ts";
import type { Plan } from "../runtime/plan/plan.ts";
import { Augmenter, type Augmentation } from "../runtime/augmenter.ts";
import { prepareRun, type PlacedFeed, type PreparedRun } from "../runtime/preparedRun.ts";
import type { Session } from "../runtime/session.ts";
import type { BoundColumn } from "./options.ts";
import { wordsOf } from "./philox.ts";

export interface BatchRequest {
  readonly columns: readonly BoundColumn[];
  /** By tensor; `random` false: pictures are only cut, from their middle. */
  readonly augment?: {
    readonly by: ReadonlyMap<Tensor, Augmentation>;
    readonly seed: number;
    readonly random: boolean;
  };
  readonly constants: Feeds | undefined;
  /** What is read after a step, by its key. */
  readonly scalars: readonly (readonly [key: string, tensor: Tensor])[];
  /** What else a step runs. */
  readonly train?: Tensor | Operation;
  readonly watched?: "all" | readonly Tensor[];
  readonly onWarning?: (finding: Finding) => void;
}

/** A step's work is taken to grow with its arena. These many bytes take some ten milliseconds. */
const sliceBytes = 64 * 1024 ** 2;

/** A step of the smallest net takes its time too. */
const maxSliceSteps = 64;

/** A column, and what becomes of its pictures. */
interface Source extends BoundColumn {
  readonly augmenter: Augmenter | null;
}

export class BatchRun {
  readonly #session: Session;
  readonly #request: BatchRequest;
  /** One by the number of rows: there are two at most, one for a smaller last batch. */
  readonly #runs = new Map<number, PreparedRun>();
  readonly #sources: readonly Source[];
  readonly #fetching: readonly BoundColumn[];
  #order: Int32Array = new Int32Array(0);
  #from = 0;
  #epoch = 0;
  #last: PreparedRun | null = null;

  constructor(session: Session, request: BatchRequest) {
    this.#session = session;
    this.#request = request;
    this.#sources = request.columns.map((bound) => ({ ...bound, augmenter: augmenterOf(bound, request) }));
    this.#fetching = request.columns.filter(({ column }) => column.prefetch);
  }

  /** The plan for batches of so many rows. */
  plan(count: number): Plan {
    return this.#runFor(count).plan;
  }

  /** How many steps to make before others get their turn. Clocks stand still on some hosts: this is cut by work. */
  stepsPerSlice(count: number): number {
    return Math.min(
      maxSliceSteps,
      Math.max(1, Math.floor(sliceBytes / Math.max(1, this.plan(count).parts.arenaBytes))),
    );
  }

  /** A promise where a column must get the rows first. */
  prefetch(order: Int32Array, from: number, count: number): Promise<unknown> | undefined {
    if (this.#fetching.length === 0) return undefined;
    return Promise.all(this.#fetching.map(({ column }) => column.prefetch!(order, from, count)));
  }

  /** One step over the rows `order[from]` to `order[from + count - 1]`, in epoch 0, 1, 2 … */
  step(order: Int32Array, from: number, count: number, epoch: number): void {
    this.#order = order;
    this.#from = from;
    this.#epoch = epoch;
    this.#last = this.#runFor(count);
    this.#last.step();
  }

  /** What scalar `index` was in the last step. */
  scalar(index: number): number {
    return this.#last!.scalar(index);
  }

  /** Gives back what it holds of the session's memory. */
  close(): void {
    for (const { augmenter } of this.#sources) augmenter?.release();
  }

  #runFor(count: number): PreparedRun {
    let run = this.#runs.get(count);
    if (!run) {
      const { constants, scalars, train, watched, onWarning } = this.#request;
      const placed = this.#sources.map((source) => this.#placed(source, count));
      const fetches = [...scalars.map(([, tensor]) => tensor), ...(train ? [train] : [])];
      run = prepareRun(this.#session, { fetches, placed, constants, watched, ...(onWarning && { onWarning }) });
      checkScalars(run.plan, scalars);
      this.#runs.set(count, run);
    }
    return run;
  }

  #placed({ tensor, column, augmenter }: Source, count: number): PlacedFeed {
    const { base } = tensor.dtype;
    const gather = (heap: Heap, address: number): void =>
      column.gather(this.#order, this.#from, count, heap.view(base), address / base.size);
    if (!augmenter) return { tensor, shape: [count, ...column.shape], write: gather };
    return {
      tensor,
      shape: [count, ...augmenter.shape],
      reserve: (heap) => augmenter.reserve(heap, count),
      write: (heap, address, kernels) => {
        gather(heap, augmenter.pictures);
        augmenter.apply(kernels, address, this.#order, this.#from, count, this.#epoch);
      },
    };
  }
}

function augmenterOf({ tensor, column }: BoundColumn, { augment }: BatchRequest): Augmenter | null {
  const augmentation = augment?.by.get(tensor);
  if (!augment || !augmentation) return null;
  const elementBytes = tensor.dtype.base.size;
  const { seed, random } = augment;
  return new Augmenter(tensor.name, { augmentation, row: column.shape, elementBytes, seed: wordsOf(seed), random });
}

function checkScalars(plan: Plan, scalars: BatchRequest["scalars"]): void {
  for (const [key, tensor] of scalars) {
    const { shape } = plan.parts.fetches.find(({ fetch }) => fetch === tensor)!;
    if (sizeOf(shape) !== 1)
      throw new InvalidArgumentError(
        `'${key}' must be one number a step, '${tensor.name}' has the shape [${shape.join(",")}]; reduce it.`,
      );
  }
}
