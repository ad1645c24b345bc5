// Runs a program of examples/ on the built package: `npm run example tutorial`.
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { root, run } from "./tools.ts";

// A program is what imports the package; the other files are its helpers.
const programs = globSync("examples/*.ts", { cwd: root })
  .filter((file) => readFileSync(join(root, file), "utf8").includes('from "trainlet'))
  .map((file) => basename(file, ".ts"))
  .sort();

const [name, ...args] = process.argv.slice(2);
if (name !== undefined && programs.includes(name)) {
  const built = await run("node", ["scripts/build.ts", "--if-missing"]);
  process.exitCode = built || (await run("node", [join("examples", `${name}.ts`), ...args]));
} else {
  if (name !== undefined) console.error(`There is no example '${name}'.`);
  console.error(`npm run example <name>, where <name> is one of: ${programs.join(", ")}`);
  process.exitCode = 1;
}
