// Reports what a page downloads that runs the tutorial (scripts/sizeProgram.ts), and fails over the budget; and, for
// comparison, what all of `trainlet` is.
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";
import { root } from "./tools.ts";

const budget = 60 * 1024;
const program = join(root, "scripts/sizeProgram.ts");
const library = join(root, "dist/src/entry/browser.js");
const kernels = join(root, "dist/kernels.forward.wasm");
const allKernels = join(root, "dist/kernels.wasm");
for (const file of [library, kernels, allKernels]) {
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
        { find: "trainlet/kernels.forward.wasm", replacement: kernels },
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

const rows = await bundle({ tutorial: program }, kernels, false);
const total = eagerBytes(rows);
const everything = eagerBytes(await bundle({ trainlet: library }, allKernels, "strict"));
const print = (...cells: [string, string | number, string | number, string]) =>
  console.log(`${cells[0].padEnd(40)}${String(cells[1]).padStart(12)}${String(cells[2]).padStart(12)}  ${cells[3]}`);
print("file", "minified", "gzip -9", "");
for (const { file, bytes, gzip, lazy } of rows) print(file, bytes, gzip, lazy ? "lazy" : "");
print("total without lazy", "", total, `budget ${budget}`);
print("(all of trainlet)", "", everything, "");
if (total > budget) {
  console.error(`The tutorial is ${total - budget} bytes over its budget of ${budget} bytes.`);
  process.exit(1);
}
