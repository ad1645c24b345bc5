// Runs bench/, whose peers are installed on first use: they are no part of the library's install.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./tools.ts";

const installed = join(root, "bench", "node_modules", ".package-lock.json");
const wanted = join(root, "bench", "package-lock.json");
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(wanted).mtimeMs) {
  console.error("Installing what trainlet is measured against (bench/node_modules) …");
  if ((await run("npm", ["ci", "--prefix", "bench", "--ignore-scripts"])) !== 0) process.exit(1);
}
process.exitCode = await run("node", ["bench/bench.ts", ...process.argv.slice(2)]);
