// Start-up and steps in Node, Chromium and workerd: bytes, compiling, the first step, and the same step's time in each.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { chromium, type Browser } from "playwright-core";
import { build } from "vite";
import { exportMetaGraph } from "../dist/src/entry/node.js";
import { connect } from "../dist/worker/client/node.js";
import { startServer } from "../scripts/server.ts";
import { findChromium } from "../test/helpers/chromium.ts";
import { contender, quantile, race, type Contender, type Effort } from "./measure.ts";
import { batchOf, train } from "./nets/net.ts";
import { rowOf, type FigureRow, type Row } from "./report.ts";
import { hostCase, type StartUp } from "./start/measure.ts";

const folder = fileURLToPath(new URL("./start/", import.meta.url));

export interface StartEffort extends Effort {
  /** How often each host is started. */
  readonly starts: number;
}

export async function benchStart(effort: StartEffort, notes: string[]): Promise<{ figures: FigureRow[]; rows: Row[] }> {
  const site = await buildPage();
  const served = new Set<string>();
  const server = await serve(site, served);
  const browser = await launch(notes);
  const worker = await startWorkerd();
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const figures = await starts("Node", effort.starts, startNode);
    const others: Contender[] = [];
    if (browser) {
      const name = `Chromium ${browser.version()}`;
      figures.push(
        ...(await starts(name, effort.starts, () => startPage(browser, url))),
        ...bytesOf(site, name, served),
      );
      others.push(await pageContender(browser, name, url));
    }
    figures.push(...(await starts("workerd", effort.starts, worker.start)));
    others.push(await worker.contender());
    return { figures, rows: await steps(effort, others) };
  } finally {
    await worker.dispose();
    await browser?.close();
    await new Promise((resolve) => server.close(resolve));
    rmSync(site, { recursive: true });
  }
}

/** The same step in this process and in the others. */
async function steps(effort: Effort, others: readonly Contender[]): Promise<Row[]> {
  const { session, step } = await train(hostCase.net(), hostCase.batch);
  const [ours, ...peers] = await race([contender("Node", step), ...others], effort);
  session.close();
  return peers.map((peer) =>
    rowOf({ group: "start", case: hostCase.name, variant: "training, Node is ours" }, ours, peer),
  );
}

/** Medians of several starts. */
async function starts(host: string, count: number, start: () => Promise<Partial<StartUp>>): Promise<FigureRow[]> {
  const seen: Partial<StartUp>[] = [];
  for (let i = 0; i < count; i++) seen.push(await start());
  const names: Record<keyof StartUp, string> = {
    compile: "compiling the kernels",
    create: "graph, session, variables",
    firstStep: "first step, its plan included",
    total: "from the start to the end of the first step",
  };
  return (Object.keys(names) as (keyof StartUp)[]).flatMap((key) => {
    const values = seen.map((times) => times[key]).filter((ms) => ms !== undefined);
    return values.length === 0 ? [] : [{ group: "start", case: host, variant: names[key], ms: quantile(values, 0.5) }];
  });
}

/** What the page asked for. */
function bytesOf(site: string, host: string, served: ReadonlySet<string>): FigureRow[] {
  const gzipped = (ending: string): number =>
    [...served]
      .filter((name) => name.endsWith(ending))
      .reduce((sum, name) => sum + gzipSync(readFileSync(join(site, name)), { level: 9 }).length, 0);
  return [
    { group: "start", case: host, variant: "JavaScript loaded, gzip", bytes: gzipped(".js") },
    { group: "start", case: host, variant: "kernels loaded, gzip", bytes: gzipped(".wasm") },
  ];
}

// Node

async function startNode(): Promise<StartUp> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "node.ts")]);
  return JSON.parse(stdout) as StartUp;
}

// Chromium

async function buildPage(): Promise<string> {
  const outDir = mkdtempSync(join(tmpdir(), "trainlet-bench-"));
  await build({
    root: folder,
    configFile: false,
    logLevel: "error",
    build: { outDir, emptyOutDir: true, target: "esnext", assetsInlineLimit: 0, modulePreload: false },
  });
  return outDir;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

/** Notes in `served` which files were asked for. */
function serve(site: string, served: Set<string>): Promise<Server> {
  const server = createServer((request, response) => {
    const path = new URL(request.url!, "http://localhost").pathname;
    const name = path === "/" ? "index.html" : path.slice(1);
    served.add(name);
    response.setHeader("Content-Type", types[extname(name)] ?? "application/octet-stream");
    // Isolated, so that the clock is fine.
    response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
    response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    response.end(readFileSync(join(site, name)));
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

async function launch(notes: string[]): Promise<Browser | null> {
  try {
    return await chromium.launch(await findChromium());
  } catch (error) {
    notes.push(`Chromium does not start here: ${(error as Error).message.split("\n")[0]} CHROME_PATH names another.`);
    return null;
  }
}

async function openPage(browser: Browser, url: string) {
  // A context of its own has no cache of the page before.
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForFunction("document.title === 'started'");
  return { page, close: () => context.close() };
}

async function startPage(browser: Browser, url: string): Promise<StartUp> {
  const { page, close } = await openPage(browser, url);
  const times = await page.evaluate("started");
  await close();
  return times as StartUp;
}

async function pageContender(browser: Browser, name: string, url: string): Promise<Contender> {
  const { page } = await openPage(browser, url);
  return { name, round: async (steps) => (await page.evaluate(`round(${steps})`)) as number };
}

// workerd

/** Its clock stands still while it computes: it is timed from outside, over HTTP on this machine. */
async function startWorkerd() {
  // V8 as it is by default: what tests set to keep memory small costs time.
  process.env.MINIFLARE_WORKERD_V8_FLAGS ??= "--max-semi-space-size=16";
  const server = await startServer(0);
  const trainlet = await connect(server.url);
  const net = hostCase.net();
  const metaGraph = await exportMetaGraph(net.graph);
  const { images, labels } = batchOf(net, hostCase.batch);
  const request = {
    fetches: [net.trainOp.name],
    feeds: { "images:0": { data: images, shape: [hostCase.batch, ...net.image] }, "labels:0": labels },
  };
  const create = async () => {
    const session = await trainlet.create({ metaGraph });
    await session.run({ fetches: [net.init.name] });
    return session;
  };
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  return {
    /** In a process that runs: a new object with a new session, requests included. */
    async start(): Promise<Partial<StartUp>> {
      let session: Awaited<ReturnType<typeof create>>;
      const created = await timed(async () => (session = await create()));
      const firstStep = await timed(() => session.run(request));
      await session!.close();
      return { create: created, firstStep, total: created + firstStep };
    },
    /** The difference between requests for one step and for more: what every request costs, storing the variables too, drops out. */
    async contender(): Promise<Contender> {
      const session = await create();
      // The shortest so far: what disturbed a short request is not taken off a long one.
      let one = Infinity;
      return {
        name: "workerd",
        async round(steps) {
          one = Math.min(one, await timed(() => session.run(request)));
          return (await timed(() => session.run({ ...request, repeat: steps + 1 }))) - one;
        },
      };
    },
    async dispose(): Promise<void> {
      await trainlet.disconnect();
      await server.dispose();
    },
  };
}
