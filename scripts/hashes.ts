// Writes test/golden/hashes.json: the bits that every runtime must give. `node scripts/hashes.ts`, after a change that is
// meant to change bits.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import "../src/entry/node.ts";
import { connect } from "../worker/client/node.ts";
import { listGolden, readGolden } from "../test/helpers/golden.node.ts";
import { firstLosses, mnistSubject } from "../test/mnist/losses.ts";
import { readDigits } from "../test/mnist/files.ts";
import { bitsOf, subjects } from "../test/helpers/sameBits.ts";
import { root } from "./tools.ts";

const hashes: Record<string, object> = {};
for (const subject of subjects) {
  const { hash, tensors, problems } = await bitsOf(subject, readGolden, listGolden);
  if (problems.length > 0) throw new Error(`${subject}: ${problems.join("; ")}`);
  hashes[subject] = { hash, tensors };
}
const trainlet = await connect("in-process");
const { hash } = await firstLosses(trainlet, readDigits());
await trainlet.disconnect();
hashes[mnistSubject] = { hash, tensors: 1 };
writeFileSync(join(root, "test/golden/hashes.json"), `${JSON.stringify(hashes, null, 2)}\n`);
