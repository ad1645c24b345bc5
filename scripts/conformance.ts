// Runs reference data through the library and compares every output: see test/conformance/.
import { resolve } from "node:path";
import { parseArgs } from "node:util";
// Configures Node's kernel loader for the library that the cases import.
import "../src/entry/node.ts";
import { goldenFiles, programFiles, runFile, type CaseFile } from "../test/conformance/files.ts";
import { setConvolution } from "../test/conformance/families/adapter.ts";
import { runProgram } from "../test/conformance/metagraph.ts";
import type { Outcome } from "../test/conformance/outcome.ts";
import { countsOf, familyLines } from "../test/conformance/report.ts";
import { runCase } from "../test/conformance/runCase.ts";
import { root } from "./tools.ts";

const usage = `npm run conformance -- [--golden DIR] [--metagraph DIR] [options]

  --golden DIR          run every case below DIR: manifests (.json) with their tensors (.safetensors)
  --metagraph DIR       run every exported program below DIR: folders with case.json, graph.meta, io.safetensors
  --forward             leave out gradients, the outputs called grad_*
  --family NAME         of --golden only this family; may be repeated
  --convolution OPTION  how sessions compute convolutions: auto (the default) or direct
  --verbose             a line for every case, with the part of its tolerance that was used
  --help                this text

A case passes only if all its outputs do: |got - want| <= atol + rtol * |want|.
Without DIR it runs the cases that the project carries in test/golden.
The exit code is 1 if a case failed or none was found, 2 for wrong arguments. Unsupported cases alone give 0.`;

const { values: args } = parseArguments();
if (args.help) {
  console.log(usage);
  process.exit(0);
}

const { convolution } = args;
if (convolution === "auto" || convolution === "direct") setConvolution(convolution);
else if (convolution !== undefined) {
  console.error(`--convolution must be auto or direct, got '${convolution}'.\n\n${usage}`);
  process.exit(2);
}

const own = args.golden === undefined && args.metagraph === undefined;
const golden = own ? folder("test/golden") : args.golden && folder(args.golden);
const metagraph = own ? folder("test/golden/metagraph") : args.metagraph && folder(args.metagraph);

const outcomes: Outcome[] = [];
try {
  if (golden) {
    const wanted = ({ family }: { family: string }): boolean => !args.family || args.family.includes(family);
    const options = { forward: args.forward };
    await runAll(goldenFiles(golden).filter(wanted), (content) => runCase(content, options));
  }
  if (metagraph) await runAll(programFiles(metagraph), runProgram);
} catch (error) {
  console.error((error as Error).message);
  process.exit(2);
}
if (outcomes.length === 0) console.error("No cases were found.");
console.log(countsOf(outcomes));
process.exitCode = outcomes.length === 0 || outcomes.some(({ status }) => status === "failed") ? 1 : 0;

/** Runs cases in order and prints each family when it is done. */
async function runAll<T>(files: readonly CaseFile<T>[], run: (content: T) => Promise<Outcome>): Promise<void> {
  for (const [family, members] of Map.groupBy(files, (file) => file.family)) {
    const results: Outcome[] = [];
    for (const file of members) results.push(await runFile(file, run));
    console.log(familyLines(family, results, args.verbose).join("\n"));
    outcomes.push(...results);
  }
}

/** Relative to where the user stands: npm changes to the project's folder first. */
function folder(path: string): string {
  const from = own ? root : (process.env.INIT_CWD ?? process.cwd());
  return resolve(from, path);
}

function parseArguments() {
  try {
    return parseArgs({
      options: {
        golden: { type: "string" },
        metagraph: { type: "string" },
        forward: { type: "boolean", default: false },
        family: { type: "string", multiple: true },
        convolution: { type: "string" },
        verbose: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}
