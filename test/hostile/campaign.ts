/**
 * Sends mutated requests to a running Worker and holds that nothing breaks: no 5xx, no hang, errors in their form, and
 * two witness sessions that keep every bit.
 */
import * as fc from "fast-check";
import { decodeSafetensors, encodeSafetensors } from "../../src/formats/safetensors.ts";
import type { SessionApi } from "../../worker/api.ts";
import { fitRequestToJson } from "../../worker/http/fitJson.ts";
import { readGolden } from "../helpers/golden.node.ts";
import { workerdMebibytes } from "../helpers/memory.ts";
import { descendants, hasProc } from "../helpers/processes.ts";
import { table } from "../helpers/table.ts";
import { hostileCase, type Case } from "./cases.ts";
import { fitOf, fitRows, readGraphs } from "./graphs.ts";
import { exchange, type RawRequest, type Reply } from "./http1.ts";
import { buildRequest, isBroken, routeOf, type Material, type Victims } from "./requests.ts";
import { judge, noAnswer, type Layer, type Verdict } from "./verdict.ts";
import { Witnesses } from "./witnesses.ts";

export interface CampaignOptions {
  readonly port: number;
  readonly count: number;
  readonly seed: number;
  /** Sends only this case of the seed. */
  readonly only?: number;
  readonly progress?: (line: string) => void;
}

export interface Finding {
  readonly what: string;
  readonly times: number;
  /** Index of the first such case, which `--case` repeats. */
  readonly first: number;
  /** The smallest case that shows it. */
  readonly smallest: Case;
  readonly request: RawRequest;
  /** What broke: this request, or a later one to the session that it made. */
  readonly shown: Shown;
}

export interface Outcome {
  readonly sent: number;
  readonly followUps: number;
  readonly findings: readonly Finding[];
  /** workerd is started again after a crash, and finds its sessions: it would show nowhere else. */
  readonly crashed: boolean;
  /** Of the requests, those that a session answered: [0, 1]. */
  readonly pastParsing: number;
  readonly table: string;
  readonly layers: string;
  readonly memory: readonly number[];
  /** How often the witnesses were compared. */
  readonly witnessed: number;
}

const timeout = 30_000;
const lanes = 4;
const witnessEvery = 500;
const shrinkTries = 100;
/** Sessions that have been changed for long are replaced. */
const victimsFor = 100;

export async function runCampaign(options: CampaignOptions): Promise<Outcome> {
  return new Campaign(options).run();
}

interface Raw {
  readonly index: number;
  readonly case: Case;
  times: number;
}

/** What was sent, of the case or to the session that came of it, and what came back. */
interface Shown {
  readonly request: RawRequest;
  readonly answer: string;
}

class Campaign {
  readonly #options: CampaignOptions;
  readonly #counts = new Map<string, Map<string, number>>();
  readonly #layers = new Map<Layer, number>();
  readonly #found = new Map<string, Raw>();
  readonly #memory: number[] = [];
  #material!: Material;
  #witnesses!: Witnesses;
  /** What is found while a finding is shrunk. */
  readonly #shown = new Map<string, Shown>();
  #shrinking = false;
  #followUps = 0;
  #witnessed = 0;

  constructor(options: CampaignOptions) {
    this.#options = options;
  }

  async run(): Promise<Outcome> {
    const { seed, count, only, progress } = this.#options;
    await this.#prepare();
    const started = workerdPids();
    const cases = fc.sample(hostileCase, { seed, numRuns: only === undefined ? count : only + 1 });
    const indices = only === undefined ? [...cases.keys()] : [only];
    let next = 0;
    const lane = async (): Promise<void> => {
      let victims = await this.#newVictims();
      for (let sent = 1; next < indices.length; sent++) {
        const index = indices[next++];
        const lost = await this.#send(cases[index], index, victims);
        if (lost || sent % victimsFor === 0) {
          await this.#closeVictims(victims);
          victims = await this.#newVictims();
        }
        if (index % witnessEvery === witnessEvery - 1) await this.#witness(index);
        if (index % 2000 === 1999)
          progress?.(
            `${index + 1} requests, workerd ${this.#memory.at(-1)?.toFixed(0) ?? "?"} MiB, ${this.#found.size} kinds of findings`,
          );
      }
      await this.#closeVictims(victims);
    };
    await Promise.all(Array.from({ length: Math.min(lanes, indices.length) }, lane));
    await this.#witness(indices.at(-1)!);
    await this.#witnesses.finish();
    const running = new Set(workerdPids());
    const crashed = started.some((pid) => !running.has(pid));
    const findings: Finding[] = [];
    this.#shrinking = true;
    for (const [what, raw] of this.#found) findings.push(await this.#shrink(what, raw));
    await this.#witnesses.close();
    return { ...this.#outcome(indices.length, findings), crashed };
  }

  async #prepare(): Promise<void> {
    const graphs = await readGraphs();
    const { tensors } = decodeSafetensors(await readGolden("metagraph/tutorial/io.safetensors"));
    const photo = tensors.get("feed0/input_node:0")!;
    this.#witnesses = await Witnesses.create(this.#url(), graphs, photo);
    const checkpoints = await this.#witnesses.checkpoints();
    this.#material = { graphs, photo, ...checkpoints };
    this.#remember();
  }

  #url(): string {
    return `http://127.0.0.1:${this.#options.port}`;
  }

  async #witness(index: number): Promise<void> {
    await this.#witnesses.check(`after case ${index}`);
    this.#witnessed++;
    this.#remember();
  }

  #remember(): void {
    const now = workerdMebibytes();
    if (now !== null) this.#memory.push(now);
  }

  // Requests

  /** True if a victim may be gone. */
  async #send(hostile: Case, index: number, victims: Victims): Promise<boolean> {
    const request = buildRequest(hostile, this.#material, victims);
    const reply = await exchange(this.#options.port, request, timeout);
    const verdict = judge(reply, { broken: isBroken(hostile), elsewhere: isElsewhere(request) });
    const route = routeOf(hostile.request, this.#material);
    this.#count(request.method === route.split(" ")[0] ? route : `another method at ${route.split(" ")[1]}`, verdict);
    if (!this.#shrinking) this.#layers.set(verdict.layer, (this.#layers.get(verdict.layer) ?? 0) + 1);
    this.#note(verdict, index, hostile, request, reply);
    if (verdict.status === "201") await this.#use(reply, index, hostile);
    const [, session] = /^\/v1\/sessions\/([0-9a-f]{64})$/.exec(request.path.replace(/\?.*$/s, "")) ?? [];
    return verdict.status === "404" || (request.method === "DELETE" && session !== undefined);
  }

  #count(route: string, { status }: Verdict): void {
    if (this.#shrinking) return;
    const row = this.#counts.get(route) ?? new Map<string, number>();
    this.#counts.set(route, row.set(status, (row.get(status) ?? 0) + 1));
  }

  #note({ finding }: Verdict, index: number, hostile: Case, request: RawRequest, reply: Reply): void {
    if (finding === null) return;
    this.#shown.set(finding, { request, answer: show(reply) });
    if (this.#shrinking) return;
    const known = this.#found.get(finding);
    if (known) known.times++;
    else {
      this.#found.set(finding, { index, case: hostile, times: 1 });
      this.#options.progress?.(`finding in case ${index}: ${finding}\n  ${JSON.stringify(hostile)}`);
    }
  }

  /** A session came of a changed graph: what it holds is used, then it is closed. */
  async #use(reply: Reply, index: number, hostile: Case): Promise<void> {
    const { id } = JSON.parse(new TextDecoder().decode((reply as { body: Uint8Array }).body)) as { id: string };
    for (const request of this.#uses(id, hostile)) {
      const answer = await exchange(this.#options.port, request, timeout);
      const verdict = judge(answer, { broken: false, elsewhere: false });
      if (!this.#shrinking) this.#followUps++;
      this.#count("requests to sessions of changed graphs", verdict);
      this.#note(verdict, index, hostile, request, answer);
    }
  }

  #uses(id: string, hostile: Case): RawRequest[] {
    const send = (method: string, path: string, json?: unknown): RawRequest => ({
      method,
      path: `/v1/sessions/${id}${path}`,
      headers: [
        ["host", "127.0.0.1"],
        ["connection", "close"],
        ["content-type", "application/json"],
      ],
      body: json === undefined ? null : new TextEncoder().encode(JSON.stringify(json)),
    });
    const run = (fetches: string[]): RawRequest => send("POST", "/run", { fetches, feeds: this.#feedsFor(hostile) });
    const small = hostile.request.includes("small");
    const data = { ...send("PUT", "/data/rows"), body: encodeSafetensors([["rows", fitRows]]) };
    const fit = [
      { ...data, headers: [...data.headers.slice(0, 2), ["content-type", "application/vnd.safetensors"] as const] },
      send("PUT", "/fit", fitRequestToJson(fitOf(9))),
      send("POST", "/fit/steps", { count: 5 }),
    ];
    const fetches = small
      ? [["init"], ["y:0"], ["branch/Merge:0"], ["train"], ["count"], ["conv:0"], ["n:0"]]
      : [["init"], ["bn/moving_mean/read:0"], ["conv_1/kernel/read:0"], ["train_op"]];
    return [
      ...fetches.map(run),
      ...(small ? fit : []),
      send("POST", "/doctor", { fetches: small ? ["train"] : ["train_op"] }),
      send("GET", "/moving-statistics"),
      send("GET", "/checkpoint"),
      send("DELETE", ""),
    ];
  }

  #feedsFor({ request }: Case): object {
    return request.includes("small") ? { "x:0": [[1, 2, 3, 4]], "n_in:0": [5], "flag:0": true } : {};
  }

  async #newVictims(): Promise<Victims> {
    const create = async (metaGraph: Uint8Array, checkpoint: Uint8Array): Promise<SessionApi> => {
      const session = await this.#witnesses.trainlet.create({ metaGraph }, { seed: 3 });
      await session.restore(checkpoint);
      return session;
    };
    const idOf = async (session: SessionApi): Promise<string> => (await session.info()).id;
    const { graphs, smallCheckpoint, tutorialCheckpoint } = this.#material;
    const small = await create(graphs.smallBinary, smallCheckpoint);
    await small.putData("rows", fitRows);
    // Left after a step, so that it stands half-way.
    for await (const _ of small.fit(fitOf(1000))) break;
    return {
      small: await idOf(small),
      tutorial: await idOf(await create(graphs.tutorialBinary, tutorialCheckpoint)),
    };
  }

  async #closeVictims({ small, tutorial }: Victims): Promise<void> {
    for (const id of [small, tutorial]) {
      const response = await fetch(`${this.#url()}/v1/sessions/${id}`, { method: "DELETE" });
      await response.arrayBuffer();
    }
  }

  // What was found

  /** The smallest case that shows the same, on sessions of its own. */
  async #shrink(what: string, raw: Raw): Promise<Finding> {
    const { seed } = this.#options;
    let smallest = raw.case;
    let shown = this.#shown.get(what)!;
    let tries = 0;
    const shows = async (hostile: Case): Promise<boolean> => {
      if (tries++ >= shrinkTries || what === noAnswer) return false;
      const victims = await this.#newVictims();
      this.#shown.delete(what);
      await this.#send(hostile, raw.index, victims);
      await this.#closeVictims(victims);
      const again = this.#shown.get(what);
      if (!again) return false;
      [smallest, shown] = [hostile, again];
      return true;
    };
    await fc.check(
      fc.asyncProperty(hostileCase, async (hostile) => !(await shows(hostile))),
      { seed, path: String(raw.index), numRuns: 1 },
    );
    const request = buildRequest(smallest, this.#material, { small: "{small}", tutorial: "{tutorial}" });
    return { what, times: raw.times, first: raw.index, smallest, request, shown };
  }

  #outcome(sent: number, findings: readonly Finding[]): Omit<Outcome, "crashed"> {
    return {
      sent,
      followUps: this.#followUps,
      findings,
      pastParsing: (this.#layers.get("session") ?? 0) / sent,
      table: countsTable(this.#counts),
      layers: table([
        ["answered by", "requests", "share"],
        ...Array.from(this.#layers, ([layer, n]) => [layer, n, `${((100 * n) / sent).toFixed(1)} %`]),
      ]),
      memory: this.#memory,
      witnessed: this.#witnessed,
    };
  }
}

function isElsewhere({ path }: RawRequest): boolean {
  try {
    return !/^\/(v1\/|healthz$)/.test(new URL(path, "http://127.0.0.1").pathname);
  } catch {
    return true;
  }
}

function workerdPids(): number[] {
  return hasProc ? descendants(process.pid).flatMap(({ name, pid }) => (name === "workerd" ? [pid] : [])) : [];
}

function show(reply: Reply): string {
  if (reply.kind !== "answer") return reply.kind;
  return `${reply.status} ${new TextDecoder().decode(reply.body).slice(0, 1000)}`;
}

function countsTable(counts: ReadonlyMap<string, ReadonlyMap<string, number>>): string {
  const statuses = [...new Set([...counts.values()].flatMap((row) => Array.from(row.keys())))].sort();
  const rows = [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([route, row]) => {
      const cells = statuses.map((status) => row.get(status) ?? 0);
      const all = cells.reduce((a, b) => a + b, 0);
      return ([route, all] as (number | string)[]).concat(cells.map((n) => n || "·"));
    });
  return table([["route", "all", ...statuses], ...rows]);
}
