// Checks everything that is not a test: lint, format, types in each environment, size budget. Runs all and names what failed.
import { run } from "./tools.ts";

const environments = ["lib", "browser", "worker", "node"].map((name) => `tsconfig.${name}.json`);
const checks: [name: string, tool: string, ...args: string[]][] = [
  ["build", "node", "scripts/build.ts", "--if-missing"],
  ["lint", "oxlint", "--deny-warnings"],
  ["format", "oxfmt", "--check"],
  ...environments.map((file): [string, string, ...string[]] => [`types (${file})`, "tsc", "-p", file]),
  ["size", "node", "scripts/size.ts"],
];

const failed: string[] = [];
for (const [name, tool, ...args] of checks) {
  console.log(`\n== ${name}`);
  if ((await run(tool, args)) !== 0) failed.push(name);
}
console.log(failed.length === 0 ? "\nAll checks passed." : `\nFailed: ${failed.join(", ")}.`);
process.exitCode = failed.length === 0 ? 0 : 1;
