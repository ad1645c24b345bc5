// A fit that can be killed: goes on from the checkpoint in the folder it is given, says how far it is, and at the end its bits.
import { readFileSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as tf from "../../src/entry/node.ts";
import { bitsOf, digitNet, digitsOf, fitOptions } from "../helpers/digits.ts";

const [folder, steps] = process.argv.slice(2);
const file = join(folder, "last.safetensors");
const resume = await readFile(file).then(
  (bytes) => new Uint8Array(bytes),
  () => undefined,
);
const net = digitNet();
const digits = digitsOf(readFileSync(new URL("../golden/training/lenet_digits.safetensors", import.meta.url)), 300);
const session = await tf.Session.create({ graph: net.graph, seed: 5 });
if (!resume) await session.run(net.init);
const { state } = await tf.fit(session, {
  ...fitOptions(net, digits),
  steps: Number(steps),
  resume,
  augment: { "pixels:0": { shift: 1 } },
  checkpoint: {
    every: 7,
    // Whole or not at all, whenever the process ends.
    save: async (bytes) => {
      await writeFile(`${file}.new`, bytes);
      await rename(`${file}.new`, file);
    },
  },
  onProgress: ({ step }) => void process.stdout.write(`step ${step}\n`),
});
process.stdout.write(`end ${state.step} ${await bitsOf(session)}\n`);
