/**
 * A run of many steps in slices, so that nothing has to wait for all of them: what is asked meanwhile gets in between two
 * slices, and there the run can be stopped. Clocks stand still on some hosts, so slices are cut by work and not by time.
 */
import * as tf from "../src/index.ts";
import { errorFromName } from "../src/graph/errors.ts";
import { sizeOf } from "../src/graph/shape.ts";
import { formatBytes } from "../src/runtime/heap.ts";
import type { RunRequest, RunResult, TensorData } from "./api.ts";
import type { RunControl } from "./host.ts";
import { macrotask } from "../src/runtime/macrotask.ts";

/** A step's work is taken to grow with its arena. These many bytes take some ten milliseconds. */
const sliceBytes = 64 * 1024 ** 2;

const maxSliceSteps = 256;

/** What a run may give where the host sets no limit of its own: more than one buffer holds in no host. */
const defaultMaxResultBytes = 1024 ** 3;

export interface SliceEvents {
  done(steps: number): void;
  stopped(done: number, signal: AbortSignal): Error;
}

export type RunValues = Pick<RunResult, "fetches" | "series">;

export async function runInSlices(
  session: tf.Session,
  { fetches: names, feeds, repeat = 1, collect = [] }: RunRequest,
  { signal, maxResultBytes = defaultMaxResultBytes }: RunControl,
  events: SliceEvents,
): Promise<RunValues> {
  if (!Number.isInteger(repeat) || repeat < 1)
    throw new tf.errors.InvalidArgumentError(`repeat must be an integer of at least 1, got ${repeat}.`);
  const asked = [...new Set([...names, ...collect])];
  const { parts } = session.plan(asked, feeds);
  checkResult(parts.fetches, { names, collect, repeat, asked }, maxResultBytes);
  const most = Math.min(maxSliceSteps, Math.max(1, Math.floor(sliceBytes / Math.max(1, parts.arenaBytes))));
  const byName = Object.fromEntries(collect.map((name) => [name, name]));
  const stacks: { [name: string]: TensorData } = {};
  for (let done = 0; ;) {
    const steps = Math.min(most, repeat - done);
    const { fetches, series } = await session.runSeries(names, feeds, { repeat: steps, collect: byName });
    events.done(steps);
    for (const [name, tensor] of Object.entries(series)) append(stacks, name, tensor, done, repeat);
    done += steps;
    if (done === repeat) return { fetches: fetchesByName(names, fetches), series: stacks };
    await macrotask();
    if (signal?.aborted) throw events.stopped(done, signal);
  }
}

/** The error that ends a run: of the class of the signal's reason, and saying where. */
export function stopped({ reason }: AbortSignal, where: string): Error {
  const { name, message } = reason instanceof Error ? reason : new Error(String(reason));
  const known = name === "DeadlineExceededError" ? name : "AbortedError";
  return errorFromName(known, `${message.replace(/\.$/, "")}: the run ended ${where}.`);
}

interface Asked {
  readonly names: readonly string[];
  readonly collect: readonly string[];
  readonly repeat: number;
  /** The names that `sources` answer, in order. */
  readonly asked: readonly string[];
}

type Sources = ReturnType<tf.Session["plan"]>["parts"]["fetches"];

/** Before anything runs, or is allocated. */
function checkResult(sources: Sources, { names, collect, repeat, asked }: Asked, limit: number): void {
  const bytes = (name: string): number => {
    const { fetch, shape } = sources[asked.indexOf(name)];
    return fetch instanceof tf.Tensor ? sizeOf(shape) * fetch.dtype.size : 0;
  };
  const sum = (list: readonly string[]): number => [...new Set(list)].reduce((total, name) => total + bytes(name), 0);
  const total = sum(names) + repeat * sum(collect);
  if (total <= limit) return;
  throw new tf.errors.ResourceExhaustedError(
    `The result would have ${formatBytes(total)}, the limit is ${formatBytes(limit)}. Fetch or collect less, or repeat less often.`,
  );
}

/** Puts a slice's rows behind those before. */
function append(
  stacks: { [name: string]: TensorData },
  name: string,
  slice: tf.FetchedTensor,
  done: number,
  repeat: number,
): void {
  const [steps, ...shape] = slice.shape;
  if (steps === repeat) {
    stacks[name] = tensorData(slice);
    return;
  }
  const size = sizeOf(shape);
  if (!Object.hasOwn(stacks, name)) {
    const Array = slice.data.constructor as new (length: number) => TensorData["data"];
    stacks[name] = { dtype: slice.dtype, shape: [repeat, ...shape], data: new Array(repeat * size) };
  }
  (stacks[name].data as Float32Array).set(slice.data as Float32Array, done * size);
}

function fetchesByName(
  names: readonly string[],
  values: readonly (tf.FetchedTensor | undefined)[],
): RunResult["fetches"] {
  return Object.fromEntries(names.map((name, i) => [name, values[i] ? tensorData(values[i]) : null]));
}

/** A plain object, so that every host gives the same and structured clone keeps it. */
export function tensorData({ dtype, shape, data }: tf.FetchedTensor): TensorData {
  return { dtype, shape, data };
}
