// Writes test/golden/hashes.json: the bits that every runtime must give. `node scripts/hashes.ts`, after a change that is
// meant to change bits.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import "../src/entry/node.ts";
import { readGolden } from "../test/helpers/golden.node.ts";
import { bitsOf, subjects } from "../test/helpers/sameBits.ts";
import { root } from "./tools.ts";

const hashes: Record<string, string> = {};
for (const subject of subjects) {
  const { hash, problems } = await bitsOf(subject, readGolden);
  if (problems.length > 0) throw new Error(`${subject}: ${problems.join("; ")}`);
  hashes[subject] = hash;
}
writeFileSync(join(root, "test/golden/hashes.json"), `${JSON.stringify(hashes, null, 2)}\n`);
