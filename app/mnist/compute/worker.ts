/** The MNIST page's worker: fetches the digits, trains here or at the edge, and reads drawings between steps. */
import "../../../src/entry/browser.ts";
import { connectOn } from "../../../worker/client/connect.ts";
import { inProcess } from "../../../worker/client/inProcess.ts";
import type { Trainlet } from "../../../worker/api.ts";
import { connectToEdge, failureOf } from "../../compute/edge.ts";
import type { HostName } from "../../compute/protocol.ts";
import { DigitStore, DigitsError, pictureSize, totalBytes } from "./digits.ts";
import type { MnistFailure, MnistPageMessage, MnistWorkerMessage, TrainSettings } from "./protocol.ts";
import { Trainer, type Carried } from "./trainer.ts";

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
/** What to do once the digits are there. */
let waiting: (() => Promise<void>) | null = null;
/** The newest drawing that waits for its turn. */
let drawing: { readonly id: number; readonly pixels: Uint8Array } | null = null;
let predicting = false;
const shown = new Array<number>(10).fill(0);

self.addEventListener("message", ({ data }: MessageEvent<MnistPageMessage>) => void receive(data));

async function receive(message: MnistPageMessage): Promise<void> {
  switch (message.type) {
    case "train":
      return attempt(() => start(message.settings, message.token, null));
    case "continue":
      return attempt(() => goOn(message.host, message.token));
    case "retry":
      return attempt(waiting ?? (async () => {}));
    case "stop":
      return active?.stop.abort();
    case "predict":
      drawing = message;
      return predict();
    case "digit":
      return attempt(() => digit(message.label));
    case "checkpoint":
      return attempt(checkpoint);
    case "ping":
      return send({ type: "pong" });
  }
}

async function attempt(work: () => Promise<void>): Promise<void> {
  try {
    waiting = work;
    await work();
  } catch (error) {
    send({ type: "failed", failure: mnistFailureOf(error), step: active?.trainer.step ?? 0 });
  }
}

function mnistFailureOf(error: unknown): MnistFailure {
  if (error instanceof DigitsError) return { kind: "digits", message: error.message };
  const failure = failureOf(error);
  return /^\w+: The loss became /.test(failure.message) ? { ...failure, kind: "notFinite" } : failure;
}

async function start(settings: TrainSettings, token: string | null, carried: Carried | null): Promise<void> {
  await end();
  const digits = await store.load((loaded) => send({ type: "loading", loaded, total: totalBytes }));
  const trainlet =
    settings.host === "edge" ? await connectToEdge(self.location.origin, token) : await connect("in-process");
  const trainer = new Trainer({ trainlet, digits, settings, emit: send });
  const run: Active = { settings, trainlet, trainer, stop: new AbortController() };
  active = run;
  await trainer.prepare(carried);
  await trainer.go(run.stop.signal, carried?.state);
}

/** The same session goes on; on another host a new one does, with what the old one holds. */
async function goOn(host: HostName, token: string | null): Promise<void> {
  if (!active) return;
  const { settings, trainer } = active;
  const carried = await trainer.carried();
  if (host !== settings.host) return start({ ...settings, host }, token, carried);
  active.stop = new AbortController();
  await trainer.go(active.stop.signal, carried.state);
}

async function predict(): Promise<void> {
  if (predicting) return;
  predicting = true;
  try {
    for (let next = drawing; next; next = drawing) {
      const { id, pixels } = next;
      drawing = null;
      const trainer = active?.trainer;
      if (!trainer) return;
      const probabilities = await trainer.predict(pixels);
      send({ type: "prediction", id, step: trainer.step, probabilities });
    }
  } catch (error) {
    send({ type: "failed", failure: failureOf(error), step: active?.trainer.step ?? 0 });
  } finally {
    predicting = false;
  }
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
  if (!active) return;
  const { trainer } = active;
  const { checkpoint: bytes } = await trainer.carried();
  send({ type: "checkpoint", step: trainer.step, bytes }, [bytes.buffer]);
}

/** Ends the run that there is. */
async function end(): Promise<void> {
  const run = active;
  active = null;
  if (!run) return;
  run.stop.abort();
  await run.trainer.close().catch(() => {});
  await run.trainlet.disconnect();
}

function send(message: MnistWorkerMessage, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}
