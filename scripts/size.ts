// Reports what a page downloads for `import * as tf from "trainlet"`, and fails over the budget.
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";
import { root } from "./tools.ts";

const budget = 60 * 1024;
const entry = join(root, process.argv[2] ?? "dist/src/entry/browser.js");
const wasm = join(root, "dist/kernels.wasm");
for (const file of [entry, wasm]) {
  if (existsSync(file)) continue;
  console.error(`${file} is missing. Run npm run build first.`);
  process.exit(1);
}

const output = (await build({
  root,
  configFile: false,
  logLevel: "warn",
  worker: { format: "es" },
  build: {
    write: false,
    minify: true,
    target: "esnext",
    assetsInlineLimit: 0,
    modulePreload: false,
    // Every export of the entry is kept: a page may use any of them.
    rolldownOptions: {
      input: { trainlet: entry },
      preserveEntrySignatures: "strict",
      checks: { pluginTimings: false },
    },
  },
})) as Rolldown.RolldownOutput;

const chunks = new Map(output.output.filter((file) => file.type === "chunk").map((chunk) => [chunk.fileName, chunk]));
const eager = new Set<string>();
const visit = (name: string): void => {
  const chunk = chunks.get(name);
  if (chunk === undefined || eager.has(name)) return;
  eager.add(name);
  chunk.imports.forEach(visit);
};
for (const chunk of chunks.values()) if (chunk.isEntry) visit(chunk.fileName);

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

const rows = [row("kernels.wasm", readFileSync(wasm), false)];
for (const file of output.output) {
  if (file.type === "chunk") rows.push(row(file.fileName, file.code, !eager.has(file.fileName)));
  // A worker comes out as an asset; like a dynamic import it is fetched only when used.
  else if (file.fileName.endsWith(".js")) rows.push(row(file.fileName, file.source, true));
}
rows.sort((a, b) => Number(a.lazy) - Number(b.lazy) || b.gzip - a.gzip);

const total = rows.reduce((sum, { lazy, gzip }) => (lazy ? sum : sum + gzip), 0);
const print = (...cells: [string, string | number, string | number, string]) =>
  console.log(`${cells[0].padEnd(40)}${String(cells[1]).padStart(12)}${String(cells[2]).padStart(12)}  ${cells[3]}`);
print("file", "minified", "gzip -9", "");
for (const { file, bytes, gzip, lazy } of rows) print(file, bytes, gzip, lazy ? "lazy" : "");
print("total without lazy", "", total, `budget ${budget}`);
if (total > budget) {
  console.error(`The package is ${total - budget} bytes over its budget of ${budget} bytes.`);
  process.exit(1);
}
