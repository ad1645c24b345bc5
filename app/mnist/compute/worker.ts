/** The MNIST page's worker: fetches the digits, trains here or at the edge, and reads drawings between steps. */
import "../../../src/entry/browser.ts";
import { connectOn } from "../../../worker/client/connect.ts";
import { inProcess } from "../../../worker/client/inProcess.ts";
import type { SessionApi, Trainlet } from "../../../worker/api.ts";
import { connectToEdge, failureOf } from "../../compute/edge.ts";
import type { HostName } from "../../compute/protocol.ts";
import { DigitStore, DigitsError, pictureSize, totalBytes } from "./digits.ts";
import type { MnistFailure, MnistPageMessage, MnistWorkerMessage, TrainSettings } from "./protocol.ts";
import { read, Trainer, type Carried } from "./trainer.ts";

interface Active {
  readonly settings: TrainSettings;
  readonly trainlet: Trainlet;
  readonly trainer: Trainer;
  stop: AbortController;
}

/** This worker is the host of its own sessions. */
const connect = connectOn({ inProcess: () => Promise.resolve(inProcess()) });

const store = new DigitStore();
let active: Active | null = null;
/** What is on its way to another host: until it has arrived there, nothing else holds it. */
let kept: { readonly settings: TrainSettings; readonly carried: Carried } | null = null;
/** Counts runs: one that was abandoned is not heard of any more. */
let current = 0;
/** What `retry` does. */
let again: (() => Promise<void>) | null = null;
/** The newest drawing that waits for its turn. */
let drawing: { readonly id: number; readonly pixels: Uint8Array } | null = null;
let predicting = false;
let untrained: Promise<SessionApi> | null = null;
const shown = new Array<number>(10).fill(0);

self.addEventListener("message", ({ data }: MessageEvent<MnistPageMessage>) => void receive(data));

async function receive(message: MnistPageMessage): Promise<void> {
  switch (message.type) {
    case "train":
      kept = null;
      return attempt(() => start(message.settings, message.token, null));
    case "continue":
      return attempt(() => goOn(message.host, message.rate, message.token));
    case "retry":
      if (active?.trainer.retryNow()) return;
      return again ? attempt(again) : undefined;
    case "stop":
      return stop();
    case "predict":
      drawing = message;
      return predict();
    case "digit":
      return aside(() => digit(message.label));
    case "checkpoint":
      return aside(checkpoint);
    case "ping":
      return send({ type: "pong" });
  }
}

async function attempt(work: () => Promise<void>): Promise<void> {
  again = work;
  const own = ++current;
  try {
    await work();
  } catch (error) {
    if (own !== current) return;
    const step = active?.trainer.step ?? kept?.carried.state.step ?? 0;
    send({ type: "failed", failure: mnistFailureOf(error), step, kept: kept !== null });
  }
}

/** Something beside the run, which goes on whatever comes of it. */
async function aside(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    send({ type: "aside", message: error instanceof Error ? error.message : String(error) });
  }
}

function mnistFailureOf(error: unknown): MnistFailure {
  if (error instanceof DigitsError) return { kind: "digits", message: `${error.message} ${String(error.cause)}` };
  const failure = failureOf(error);
  return /\bThe loss became /.test(failure.message) ? { ...failure, kind: "notFinite" } : failure;
}

async function start(settings: TrainSettings, token: string | null, carried: Carried | null): Promise<void> {
  const own = current;
  await end();
  const digits = await store.load((loaded) => {
    if (own === current) send({ type: "loading", loaded, total: totalBytes });
  });
  if (own !== current) return;
  const trainlet =
    settings.host === "edge" ? await connectToEdge(self.location.origin, token) : await connect("in-process");
  const emit = (message: MnistWorkerMessage, transfer?: Transferable[]): void => {
    if (active === run) send(message, transfer);
  };
  const trainer = new Trainer({ trainlet, digits, settings, emit });
  const run: Active = { settings, trainlet, trainer, stop: new AbortController() };
  if (own !== current) return trainlet.disconnect();
  active = run;
  await trainer.prepare(run.stop.signal, carried);
  if (active !== run || !trainer.ready) return;
  kept = null;
  again = () => goOn(settings.host, settings.rate, token);
  void predict();
  await trainer.go(run.stop.signal, carried?.state);
}

/** A run that trains stops behind its step; one that is not as far yet is given up. */
async function stop(): Promise<void> {
  if (active?.trainer.ready) return active.stop.abort();
  current++;
  await end();
  send({ type: "abandoned" });
}

/** The same session goes on; on another host a new one does, with what the old one holds. */
async function goOn(host: HostName, rate: number, token: string | null): Promise<void> {
  if (kept) return start({ ...kept.settings, host, rate }, token, kept.carried);
  if (!active) return;
  const { settings, trainer } = active;
  if (host !== settings.host) {
    kept = { settings, carried: await trainer.carried() };
    return goOn(host, rate, token);
  }
  active.stop = new AbortController();
  const state = await trainer.state();
  await trainer.go(active.stop.signal, state, rate);
}

async function predict(): Promise<void> {
  if (predicting) return;
  predicting = true;
  try {
    for (let next = drawing; next; next = drawing) {
      const trainer = active?.trainer;
      // It comes back to it when the run is ready.
      if (trainer && !trainer.ready) return;
      const { id, pixels } = next;
      drawing = null;
      const probabilities = await (trainer ? trainer.predict(pixels) : read(await newborn(), pixels));
      send({ type: "prediction", id, step: trainer?.step ?? 0, probabilities });
    }
  } catch (error) {
    drawing = null;
    send({ type: "aside", message: failureOf(error).message });
  } finally {
    predicting = false;
  }
}

/** The model before its first step. */
function newborn(): Promise<SessionApi> {
  const create = async (): Promise<SessionApi> => {
    const trainlet = await connect("in-process");
    const session = await trainlet.create({ example: "mnist" }, { seed: 1 });
    await session.run({ fetches: ["init"] });
    return session;
  };
  untrained ??= create().catch((error: unknown) => {
    untrained = null;
    throw error;
  });
  return untrained;
}

async function digit(label: number): Promise<void> {
  const { test } = await store.load((loaded) => send({ type: "loading", loaded, total: totalBytes }));
  const rows = Array.from(test.labels.keys()).filter((row) => test.labels[row] === label);
  const index = rows[shown[label]++ % rows.length];
  const size = pictureSize ** 2;
  const pixels = test.pixels.slice(index * size, (index + 1) * size);
  send({ type: "digit", label, index, pixels });
}

async function checkpoint(): Promise<void> {
  const carried = kept?.carried ?? (await active?.trainer.carried());
  if (!carried) return;
  // The page gets its own: what is kept stays whole.
  const bytes = carried.checkpoint.slice();
  send({ type: "checkpoint", step: carried.state.step, bytes }, [bytes.buffer]);
}

/** Ends the run that there is; nothing of it is sent any more. */
async function end(): Promise<void> {
  const run = active;
  active = null;
  if (!run) return;
  run.stop.abort();
  await run.trainer.close().catch(() => {});
  await run.trainlet.disconnect().catch(() => {});
}

function send(message: MnistWorkerMessage, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}
