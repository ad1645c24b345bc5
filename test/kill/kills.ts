/**
 * Kills the Worker with SIGKILL at seeded moments of the experiment and looks at what is there after a restart: every
 * answered request wholly, the one in flight wholly or not at all, and the session goes on to the undisturbed end.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expectAnswer, look, readExperiment, send, type Answer, type Request, type State } from "./experiment.ts";
import { table } from "../helpers/table.ts";
import { KillableServer, storedIds } from "./killableServer.ts";

export interface Kill {
  /** The request of the experiment that was in flight. */
  readonly request: string;
  readonly position: number;
  /** Part of that request's usual time after which SIGKILL came. Above 1 it was answered, mostly. */
  readonly moment: number;
  readonly answered: boolean;
  /** Whether its effect was there after the restart; null if it has none. */
  readonly there: boolean | null;
}

interface Reference {
  /** The session after each request. */
  readonly states: readonly State[];
  /** What each request took, in milliseconds. */
  readonly times: readonly number[];
}

/** @throws at the first session that is not as it must be. */
export async function killAtRandom(count: number, seed: number, told?: (kill: Kill) => void): Promise<Kill[]> {
  const folder = await mkdtemp(join(tmpdir(), "trainlet-kill-"));
  const requests = await readExperiment();
  const killing = new Killing(requests, folder, generator(seed));
  try {
    await killing.start();
    const kills: Kill[] = [];
    for (const position of killing.positions(count)) {
      const kill = await killing.killAt(position);
      kills.push(kill);
      told?.(kill);
    }
    await killing.checkEarlier();
    return kills;
  } finally {
    await killing.end();
    await rm(folder, { recursive: true, force: true });
  }
}

class Killing {
  readonly #requests: readonly Request[];
  readonly #folder: string;
  readonly #random: () => number;
  readonly #delete: number;
  /** What sessions of earlier kills must still have. */
  readonly #earlier = new Map<string, State>();
  #server!: KillableServer;
  #reference!: Reference;

  constructor(requests: readonly Request[], folder: string, random: () => number) {
    this.#requests = requests;
    this.#folder = folder;
    this.#random = random;
    this.#delete = requests.length - 1;
  }

  async start(): Promise<void> {
    this.#server = await KillableServer.start(this.#folder);
    await this.#undisturbed(); // The first time takes longer.
    this.#reference = await this.#undisturbed();
  }

  async end(): Promise<void> {
    this.#server?.kill();
    await this.#server?.gone();
  }

  /** Every position of the experiment in a random order, again and again. */
  *positions(count: number): Generator<number> {
    for (let left = count; left > 0;) {
      const order = [...this.#requests.keys()];
      while (order.length > 0 && left-- > 0) yield order.splice(Math.floor(this.#random() * order.length), 1)[0];
    }
  }

  async killAt(position: number): Promise<Kill> {
    const { states, times } = this.#reference;
    const request = this.#requests[position];
    const { url } = this.#server;
    let id = "";
    for (const before of this.#requests.slice(0, position)) id = await expectAnswer(url, id, before);

    const moment = 1.25 * this.#random();
    const pending: Promise<Answer | null> = send(url, id, request).catch(() => null);
    await sleep(moment * times[position]);
    this.#server.kill();
    const answer = await pending;
    await this.#server.gone();
    this.#server = await KillableServer.start(this.#folder);

    const answered = answer !== null;
    const what = `killed at ${moment.toFixed(3)} of request ${position} (${request.name}), ${answered ? "answered" : "not answered"}`;
    if (answer && answer.status >= 300) throw new Error(`${what}: ${answer.status} ${answer.text}`);
    const before = position === 0 ? null : states[position - 1];
    const after = states[position];
    if (position === 0) id = answer ? (JSON.parse(answer.text) as { id: string }).id : await this.#newSession(what);
    const found = id === "" ? null : await look(this.#server.url, id);
    const there = found === after;
    if (!there && (answered || found !== before)) throw new Error(explain(what, found, before, after));

    if (found !== null) await this.#finish(id, there ? position + 1 : position, what);
    return { request: request.name, position, moment, answered, there: before === after ? null : there };
  }

  /** Sessions of all kills are as they were left. */
  async checkEarlier(): Promise<void> {
    for (const [id, state] of this.#earlier) {
      const found = await look(this.#server.url, id);
      if (found !== state) throw new Error(explain(`session ${id} of an earlier kill`, found, state, state));
    }
  }

  /** The session whose creation was not answered, if it is there. */
  async #newSession(what: string): Promise<string> {
    const found: string[] = [];
    for (const id of storedIds(this.#folder)) {
      if (!this.#earlier.has(id) && (await look(this.#server.url, id)) !== null) found.push(id);
    }
    if (found.length > 1) throw new Error(`${what}: ${found.length} sessions are there.`);
    return found[0] ?? "";
  }

  /** Goes on from `position` to what an undisturbed session has in the end. */
  async #finish(id: string, position: number, what: string): Promise<void> {
    const { url } = this.#server;
    for (const request of this.#requests.slice(position, this.#delete)) await expectAnswer(url, id, request);
    const want = this.#reference.states[this.#delete - 1];
    const found = await look(url, id);
    if (found !== want) throw new Error(explain(`${what}, continued to the end`, found, want, want));
    this.#earlier.set(id, want);
  }

  async #undisturbed(): Promise<Reference> {
    const { url } = this.#server;
    const [states, times]: [State[], number[]] = [[], []];
    let id = "";
    for (const request of this.#requests) {
      const from = performance.now();
      id = await expectAnswer(url, id, request);
      times.push(performance.now() - from);
      states.push(await look(url, id));
    }
    return { states, times };
  }
}

function explain(what: string, found: State, before: State, after: State): string {
  return [
    `${what}: the session is neither as before nor as after it.`,
    `found  ${found}`,
    `before ${before}`,
    ...(after === before ? [] : [`after  ${after}`]),
  ].join("\n");
}

/** Numbers from 0 to 1 (mulberry32, public domain). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How many of the kills met what, a line for each request of the experiment. */
export function killTable(kills: readonly Kill[]): string {
  const names = [...new Set(kills.map(({ request }) => request))];
  const rows = names.map((name) => {
    const of = kills.filter(({ request }) => request === name);
    const inFlight = of.filter(({ answered }) => !answered);
    const count = (list: readonly Kill[], there: boolean | null): number =>
      list.filter((kill) => kill.there === there).length;
    return [
      name,
      of.length,
      of.length - inFlight.length,
      count(inFlight, true),
      count(inFlight, false),
      count(inFlight, null),
    ];
  });
  const total = rows.reduce((sum, row) => sum.map((value, i) => (i === 0 ? "all" : Number(value) + Number(row[i]))), [
    "all",
    0,
    0,
    0,
    0,
    0,
  ] as (number | string)[]);
  const head = ["killed during", "kills", "answered", "in flight, there", "in flight, not there", "in flight, a read"];
  return table([head, ...rows, total]);
}
