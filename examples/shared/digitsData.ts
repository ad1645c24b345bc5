// The digits of scikit-learn (1,797 of 8 × 8 pixels from 0 to 16): those to learn from, and the last 360 held back.
import { openAsBlob } from "node:fs";
import * as tf from "trainlet";

export interface Samples {
  readonly pixels: tf.data.Column;
  readonly labels: tf.data.Column;
}

const file = new URL("../../test/golden/training/lenet_digits.safetensors", import.meta.url);
const held = 360;

export async function readDigits(): Promise<{ learn: Samples; test: Samples }> {
  const tensors = await tf.data.safetensors(await openAsBlob(file));
  const pixels = tf.data.reshape(tensors.pixels, [8, 8, 1]);
  const { labels } = tensors;
  const cut = pixels.rows - held;
  return {
    learn: { pixels: tf.data.slice(pixels, 0, cut), labels: tf.data.slice(labels, 0, cut) },
    test: { pixels: tf.data.slice(pixels, cut), labels: tf.data.slice(labels, cut) },
  };
}

/** The same pictures with other labels. */
export function relabelled({ pixels, labels }: Samples, label: (digit: number) => number): Samples {
  const digits = new Int32Array(labels.rows);
  labels.gather(
    digits.map((_, row) => row),
    0,
    digits.length,
    digits,
    0,
  );
  return { pixels, labels: tf.data.column(digits.map(label)) };
}
