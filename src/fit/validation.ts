/** Evaluation, by itself and within a fit: means of scalars over all rows of columns. */
import { macrotask } from "../runtime/macrotask.ts";
import type { Session } from "../runtime/session.ts";
import { BatchRun } from "./batches.ts";
import { bindAugmentations, bindColumns, checkCount, scalarFetches, type ValidationOptions } from "./options.ts";
import { inOrder } from "./order.ts";

/** Means of scalars over all rows of columns, batch by batch: the accuracy of a trained net, say.
 *
 * @example
 * const { accuracy } = await tf.evaluate(session, { feeds: test, fetches: { accuracy }, batchSize: 100 }); */
export async function evaluate(
  session: Session,
  options: Omit<ValidationOptions, "every" | "batchSize"> & { batchSize: number },
): Promise<Record<string, number>> {
  const validation = new Validation(session, options, options.batchSize);
  try {
    return await validation.run();
  } finally {
    validation.close();
  }
}

export class Validation {
  readonly keys: readonly string[];
  readonly #run: BatchRun;
  readonly #order: Int32Array;
  readonly #batchSize: number;

  constructor(session: Session, options: ValidationOptions, fitBatchSize: number) {
    const { graph } = session;
    const columns = bindColumns(graph, options.feeds, "validation");
    const fetches = scalarFetches(graph, options.fetches, "The validation fetch");
    this.keys = fetches.map(([key]) => key);
    this.#order = inOrder(columns[0].column.rows);
    this.#batchSize = Math.min(
      checkCount(options.batchSize ?? fitBatchSize, "validation.batchSize"),
      this.#order.length,
    );
    this.#run = new BatchRun(session, {
      columns,
      augment: { by: bindAugmentations(graph, options.augment, columns), seed: 0, random: false },
      constants: options.constants,
      scalars: fetches,
    });
  }

  /** Makes the plan: mistakes are found before the first step. */
  begin(): void {
    this.#run.plan(this.#batchSize);
  }

  close(): void {
    this.#run.close();
  }

  /** Weighs each batch by its rows. */
  async run(): Promise<Record<string, number>> {
    const rows = this.#order.length;
    const sums = new Float64Array(this.keys.length);
    const slice = this.#run.stepsPerSlice(this.#batchSize);
    for (let from = 0, step = 1; from < rows; from += this.#batchSize, step++) {
      const count = Math.min(this.#batchSize, rows - from);
      const ready = this.#run.prefetch(this.#order, from, count);
      if (ready) await ready;
      this.#run.step(this.#order, from, count, 0);
      for (let i = 0; i < sums.length; i++) sums[i] += this.#run.scalar(i) * count;
      if (step % slice === 0) await macrotask();
    }
    return Object.fromEntries(this.keys.map((key, i) => [key, sums[i] / rows]));
  }
}
