/** Twenty sessions at once on a running Worker: each trains the tutorial, reads, saves, restores, and is made anew. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { decodeSafetensors } from "../../src/formats/safetensors.ts";
import type { SessionApi, Trainlet } from "../../worker/api.ts";
import { connect } from "../../worker/client/node.ts";
import { readGolden } from "../helpers/golden.node.ts";
import { workerdMebibytes } from "../helpers/memory.ts";
import { table } from "../helpers/table.ts";

export interface LoadOptions {
  readonly url: string;
  readonly sessions: number;
  readonly seconds: number;
}

export interface Load {
  readonly requests: number;
  readonly errors: readonly string[];
  /** Milliseconds by kind of request. */
  readonly times: ReadonlyMap<string, readonly number[]>;
  /** Resident MiB of workerd, one a second from the first request on; empty where the system does not tell. */
  readonly memory: readonly number[];
}

/** Rounds after which a session is closed and made anew, so that making and freeing is part of the load. */
const roundsOfASession = 10;

export async function runLoad({ url, sessions, seconds }: LoadOptions): Promise<Load> {
  const load = new Loading(await connect(url), await readProgram());
  const memory: number[] = [];
  let ended = false;
  const sampling = setInterval(() => memory.push(workerdMebibytes() ?? 0), 1000);
  const working = Promise.all(Array.from({ length: sessions }, () => load.keepBusy(() => !ended)));
  try {
    await sleep(1000 * seconds);
    ended = true;
    clearInterval(sampling);
    await working;
    await load.disconnect();
    const { requests, errors, times } = load;
    return { requests, errors, times, memory: memory.some((sample) => sample > 0) ? memory : [] };
  } finally {
    ended = true;
    clearInterval(sampling);
  }
}

interface Program {
  readonly metaGraph: Uint8Array;
  readonly photo: Float32Array;
}

async function readProgram(): Promise<Program> {
  const metaGraph = Uint8Array.from(await readFile(new URL("../../examples/tutorial.meta", import.meta.url)));
  const { tensors } = decodeSafetensors(await readGolden("metagraph/tutorial/io.safetensors"));
  return { metaGraph, photo: Float32Array.from(tensors.get("feed0/input_node:0")!.data as Float32Array) };
}

class Loading {
  readonly #trainlet: Trainlet;
  readonly #program: Program;
  readonly times = new Map<string, number[]>();
  readonly errors: string[] = [];
  /** Sessions do the same: what they have after a round is the same, too. */
  readonly #bits = new Map<number, string>();
  requests = 0;

  constructor(trainlet: Trainlet, program: Program) {
    this.#trainlet = trainlet;
    this.#program = program;
  }

  disconnect(): Promise<void> {
    return this.#trainlet.disconnect();
  }

  /** Ends with the first error: the next would only follow from it. */
  async keepBusy(goesOn: () => boolean): Promise<void> {
    try {
      while (goesOn()) await this.#useSession(goesOn);
    } catch (error) {
      this.errors.push(String(error));
    }
  }

  async #useSession(goesOn: () => boolean): Promise<void> {
    const { metaGraph, photo } = this.#program;
    const feeds = { "input_node:0": photo };
    const session = await this.#timed("create", () => this.#trainlet.create({ metaGraph }, { seed: 1 }));
    await this.#timed("run init", () => session.run({ fetches: ["init"] }));
    for (let round = 0; round < roundsOfASession && goesOn(); round++) {
      for (let step = 0; step < 3; step++) {
        await this.#timed("run train_op", () => session.run({ fetches: ["train_op"], feeds }));
      }
      await this.#timed("run train_op × 10", () => session.run({ fetches: ["train_op"], feeds, repeat: 10 }));
      const inference = { ...feeds, "training:0": false };
      await this.#timed("run net, 320 KB back", () => session.run({ fetches: ["net:0"], feeds: inference }));
      await this.#timed("info", () => session.info());
      const [{ updates }] = await this.#timed("moving statistics", () => session.movingStatistics());
      if (updates !== 13 * (round + 1)) this.errors.push(`round ${round} ends with ${updates} updates`);
      await this.#saveAndRestore(session, round);
    }
    await this.#timed("close", () => session.close());
  }

  async #saveAndRestore(session: SessionApi, round: number): Promise<void> {
    const checkpoint = await this.#timed("read a checkpoint", () => session.checkpoint());
    const bits = createHash("sha256").update(checkpoint).digest("hex");
    if ((this.#bits.get(round) ?? bits) !== bits) this.errors.push(`round ${round} ends with other bits`);
    this.#bits.set(round, bits);
    await this.#timed("restore a checkpoint", () => session.restore(checkpoint));
  }

  async #timed<T>(kind: string, call: () => Promise<T>): Promise<T> {
    const from = performance.now();
    const result = await call();
    const times = this.times.get(kind) ?? [];
    times.push(performance.now() - from);
    this.times.set(kind, times);
    this.requests++;
    return result;
  }
}

export function timesTable({ times }: Load): string {
  const rows = [...times].map(([kind, list]) => {
    const sorted = [...list].sort((a, b) => a - b);
    const quantile = (part: number): string =>
      sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))].toFixed(1);
    return [kind, sorted.length, quantile(0.5), quantile(0.99), sorted.at(-1)!.toFixed(1)];
  });
  return table([["request", "count", "p50 ms", "p99 ms", "max ms"], ...rows]);
}

export interface Flatness {
  /** MiB a second, of the line through the samples. */
  readonly slope: number;
  /** How much that line rises from its first to its last sample, as a part of their mean. */
  readonly rise: number;
}

/** How memory goes on after `settled` samples. */
export function flatness(memory: readonly number[], settled: number): Flatness {
  const rest = memory.slice(settled);
  const [x, y] = [(rest.length - 1) / 2, rest.reduce((a, b) => a + b, 0) / rest.length];
  const slope =
    rest.reduce((sum, value, i) => sum + (i - x) * (value - y), 0) / rest.reduce((sum, _, i) => sum + (i - x) ** 2, 0);
  return { slope, rise: (slope * (rest.length - 1)) / y };
}
