// Reports what a page downloads that runs the tutorial (scripts/sizeProgram.ts), and one that trains a net (sizeTraining.ts), and
// fails over their budgets; and, for comparison, what all of `trainlet` is.
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";
import { root } from "./tools.ts";

const library = join(root, "dist/src/entry/browser.js");
const forwardKernels = join(root, "dist/kernels.forward.wasm");
const trainingKernels = join(root, "dist/kernels.training.wasm");
const allKernels = join(root, "dist/kernels.wasm");
const programs = [
  { name: "tutorial", source: join(root, "scripts/sizeProgram.ts"), kernels: forwardKernels, budget: 60 * 1024 },
  { name: "training", source: join(root, "scripts/sizeTraining.ts"), kernels: trainingKernels, budget: 80 * 1024 },
];
for (const file of [library, forwardKernels, trainingKernels, allKernels]) {
  if (existsSync(file)) continue;
  console.error(`${file} is missing. Run npm run build first.`);
  process.exit(1);
}

interface Row {
  file: string;
  lazy: boolean;
  bytes: number;
  gzip: number;
}

const row = (fileName: string, data: string | Uint8Array, lazy: boolean): Row => ({
  file: basename(fileName),
  lazy,
  bytes: Buffer.byteLength(data),
  gzip: gzipSync(data, { level: 9 }).length,
});

/** What a bundler makes of an entry: its chunks, those that are imported dynamically marked as lazy. */
async function bundle(input: Record<string, string>, wasm: string, signatures: "strict" | false): Promise<Row[]> {
  const { output } = (await build({
    root,
    configFile: false,
    logLevel: "warn",
    resolve: {
      alias: [
        { find: "trainlet/kernels.forward.wasm", replacement: forwardKernels },
        { find: "trainlet/kernels.training.wasm", replacement: trainingKernels },
        { find: "trainlet/kernels.wasm", replacement: allKernels },
        { find: /^trainlet$/, replacement: library },
      ],
    },
    worker: { format: "es" },
    build: {
      write: false,
      minify: true,
      target: "esnext",
      assetsInlineLimit: 0,
      modulePreload: false,
      rolldownOptions: { input, preserveEntrySignatures: signatures, checks: { pluginTimings: false } },
    },
  })) as Rolldown.RolldownOutput;
  const chunks = new Map(output.filter((file) => file.type === "chunk").map((chunk) => [chunk.fileName, chunk]));
  const eager = new Set<string>();
  const visit = (name: string): void => {
    const chunk = chunks.get(name);
    if (chunk === undefined || eager.has(name)) return;
    eager.add(name);
    chunk.imports.forEach(visit);
  };
  for (const chunk of chunks.values()) if (chunk.isEntry) visit(chunk.fileName);
  const rows = [row(wasm, readFileSync(wasm), false)];
  for (const file of output) {
    if (file.type === "chunk") rows.push(row(file.fileName, file.code, !eager.has(file.fileName)));
    // A worker comes out as an asset; like a dynamic import it is fetched only when used.
    else if (file.fileName.endsWith(".js")) rows.push(row(file.fileName, file.source, true));
  }
  return rows.sort((a, b) => Number(a.lazy) - Number(b.lazy) || b.gzip - a.gzip);
}

const eagerBytes = (rows: readonly Row[]): number => rows.reduce((sum, { lazy, gzip }) => (lazy ? sum : sum + gzip), 0);

const print = (...cells: [string, string | number, string | number, string]) =>
  console.log(`${cells[0].padEnd(40)}${String(cells[1]).padStart(12)}${String(cells[2]).padStart(12)}  ${cells[3]}`);
print("file", "minified", "gzip -9", "");
for (const { name, source, kernels, budget } of programs) {
  const rows = await bundle({ [name]: source }, kernels, false);
  const total = eagerBytes(rows);
  for (const { file, bytes, gzip, lazy } of rows) print(file, bytes, gzip, lazy ? "lazy" : "");
  print("total without lazy", "", total, `budget ${budget}`);
  if (total <= budget) continue;
  console.error(`The ${name} program is ${total - budget} bytes over its budget of ${budget} bytes.`);
  process.exitCode = 1;
}
print("(all of trainlet)", "", eagerBytes(await bundle({ trainlet: library }, allKernels, "strict")), "");
