/** The page's worker: builds the graphs, lays them out, and computes. Kernels are compiled when a run starts. */
import "../../src/entry/browser.ts";
import { exportMetaGraphJson } from "../../src/index.ts";
import { connectOn } from "../../worker/client/connect.ts";
import { inProcess } from "../../worker/client/inProcess.ts";
import type { Trainlet } from "../../worker/api.ts";
import { buildExample } from "../../worker/examples/index.ts";
import { open } from "../graph/open.ts";
import { reduce, type GraphJson } from "../graph/reduce.ts";
import { connectToEdge, failureOf } from "./edge.ts";
import { Experiment } from "./experiment.ts";
import { bgrFromRgb, decodePng } from "./photo.ts";
import type { PageMessage, Pair, RunSettings, WorkerMessage } from "./protocol.ts";
import { Runner } from "./runner.ts";

/** A run, with what ends it. */
interface Active {
  readonly experiment: Experiment;
  readonly runner: Runner;
  readonly trainlet: Trainlet;
  stop: AbortController;
}

/** This worker is the host of its own sessions. */
const connect = connectOn({ inProcess: () => Promise.resolve(inProcess()) });

let active: Active | null = null;

const metaGraphs: Promise<Pair<GraphJson>> = (async () => ({
  with: (await exportMetaGraphJson(buildExample("tutorial"))) as unknown as GraphJson,
  without: (await exportMetaGraphJson(buildExample("tutorial-forgotten"))) as unknown as GraphJson,
}))();

const photo: Promise<Uint8Array> = (async () => {
  const response = await fetch(new URL("../assets/photo.png", import.meta.url));
  return bgrFromRgb((await decodePng(new Uint8Array(await response.arrayBuffer()))).rgb);
})();

self.addEventListener("message", ({ data }: MessageEvent<PageMessage>) => void receive(data));
void announceGraphs();

async function receive(message: PageMessage): Promise<void> {
  switch (message.type) {
    case "layout": {
      const { layOut } = await import("../graph/layout.ts");
      const { with: graph } = message.path ? await opened(message.path) : await reduced();
      const layouts = Object.entries(message.sizes).map(([density, sizes]) => [density, layOut(graph, sizes)]);
      return send({ type: "laid-out", layouts: Object.fromEntries(layouts) });
    }
    case "open":
      return send({ type: "opened", path: message.path, graphs: await opened(message.path) });
    case "start":
      return start(message.settings, message.token);
    case "continue":
      if (active) active.runner.pace = message.pace;
      return active ? go(active) : undefined;
    case "stop":
      return active?.stop.abort();
    case "retry":
      return active?.runner.retryNow();
    case "abandon":
      return abandon();
    case "map": {
      const slice = active?.experiment.slice(message.step, message.channel);
      return slice ? send({ type: "map", ...slice }) : undefined;
    }
    case "ping":
      return send({ type: "pong" });
  }
}

async function start(settings: RunSettings, token: string | null): Promise<void> {
  abandon();
  let run: Active | null = null;
  try {
    const [graphs, image, trainlet] = await Promise.all([
      metaGraphs,
      photo,
      settings.host === "edge" ? connectToEdge(self.location.origin, token) : connect("in-process"),
    ]);
    const sources = { with: { metaGraph: graphs.with }, without: { metaGraph: graphs.without } };
    const experiment = new Experiment({ trainlet, sources, image, clock: () => performance.now() });
    const runner = new Runner({
      experiment,
      settings,
      emit: (message, transfer) => (active === run ? send(message, transfer) : undefined),
    });
    run = { experiment, runner, trainlet, stop: new AbortController() };
    active = run;
    await runner.prepare(run.stop.signal);
    await go(run);
  } catch (error) {
    if (active === run) send({ type: "failed", failure: failureOf(error) });
  }
}

async function go(run: Active): Promise<void> {
  if (run.stop.signal.aborted && run.experiment.prepared) run.stop = new AbortController();
  try {
    await run.runner.go(run.stop.signal);
  } catch (error) {
    if (active === run) send({ type: "failed", failure: failureOf(error) });
  }
}

/** Ends the run that there is; nothing of it is sent any more. */
function abandon(): void {
  const run = active;
  active = null;
  if (!run) return;
  run.stop.abort();
  const end = async (): Promise<void> => {
    await run.experiment.close();
    await run.trainlet.disconnect();
  };
  void end().catch(() => {});
}

async function announceGraphs(): Promise<void> {
  send({ type: "graph", graphs: await reduced() });
  // Into the cache, so that Run only has to compile.
  const kernels = fetch(new URL("../../dist/kernels.wasm", import.meta.url), { priority: "low" });
  await kernels.then((response) => response.arrayBuffer()).catch(() => {});
}

async function reduced() {
  const graphs = await metaGraphs;
  return { with: reduce(graphs.with), without: reduce(graphs.without) };
}

async function opened(path: readonly string[]) {
  const graphs = await metaGraphs;
  return { with: open(graphs.with, path), without: open(graphs.without, path) };
}

function send(message: WorkerMessage, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}
