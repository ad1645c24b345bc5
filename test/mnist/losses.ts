/** The first 200 losses of the built-in MNIST program, on whatever host: their bits are the same on all. */
import type { FitRequest, SessionApi, TensorData, Trainlet } from "../../worker/api.ts";
import { bitsHash } from "../helpers/bitsHash.ts";

/** Its key in test/golden/hashes.json. */
export const mnistSubject = "mnist/200 losses";

export interface Digits {
  readonly pixels: TensorData;
  readonly labels: TensorData;
}

const rows = 60_000;

/** From the bytes of the IDX files of the training set. */
export function digitsOf(images: Uint8Array, labels: Uint8Array): Digits {
  return {
    pixels: { dtype: "uint8", shape: [rows, 28, 28, 1], data: images.subarray(16) },
    labels: { dtype: "uint8", shape: [rows], data: labels.subarray(8) },
  };
}

export const mnistFit: FitRequest = {
  feeds: { "pixels:0": "pixels", "labels:0": "labels" },
  constants: { "training:0": true },
  train: "train_op",
  fetches: { loss: "loss:0", accuracy: "accuracy:0" },
  batchSize: 64,
  steps: 200,
  seed: 1,
};

/** Puts the digits into a session and trains. `look` is called now and then, while it does. */
export async function firstLosses(
  trainlet: Trainlet,
  { pixels, labels }: Digits,
  look: (session: SessionApi) => Promise<void> = async () => {},
): Promise<{ readonly hash: string; readonly first: number; readonly last: number }> {
  const session = await trainlet.create({ example: "mnist" }, { seed: 1 });
  await session.run({ fetches: ["init"] });
  await session.putData("pixels", pixels);
  await session.putData("labels", labels);
  await look(session);
  const losses: number[] = [];
  await session.fit(mnistFit, {
    async onProgress({ step, fetches }) {
      losses.push(fetches.loss);
      if (step % 20 === 0) await look(session);
    },
  });
  await session.close();
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const data = Float32Array.from(losses);
  const hash = await bitsHash(new Map([["losses", { dtype: "float32", shape: [data.length], data }]]));
  return { hash, first: mean(losses.slice(0, 20)), last: mean(losses.slice(-20)) };
}
