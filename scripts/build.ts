// Builds the package: assembly/ → dist/kernels.wasm with its types, src/, worker/ and cli/ → the same below dist/; and the page,
// app/ → build/app, which the Worker serves.
// `--if-missing` builds only what is missing or was built from other sources.
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { root, run } from "./tools.ts";

interface Part {
  name: string;
  sources: string[];
  outputs: string[];
  /** Writes the part below `staging`, from where finished files are moved into place. */
  build(staging: string): Promise<void>;
}

const asconfig = JSON.parse(readFileSync(join(root, "asconfig.json"), "utf8")) as {
  targets: Record<string, { outFile: string }>;
};
const kernels = Object.entries(asconfig.targets).map(([target, { outFile }]): Part => {
  const stem = outFile.replace(/\.wasm$/, "");
  const outputs = [outFile, `${stem}.js`, `${stem}.d.ts`];
  return {
    name: outFile,
    sources: ["scripts/build.ts", "asconfig.json", "assembly/**/*.ts"],
    outputs: [...outputs, `${outFile}.d.ts`],
    async build(staging) {
      // A target is called as its entry, which stands here because asc ignores `entries` inside a target.
      await tool("asc", [`assembly/${target}.ts`, "--target", target, "--outFile", join(staging, basename(outFile))]);
      writeFileSync(
        join(staging, `${basename(outFile)}.d.ts`),
        "declare const module: WebAssembly.Module;\nexport default module;\n",
      );
      for (const output of this.outputs) replace(join(staging, basename(output)), join(root, output));
    },
  };
});

const library: Part = {
  name: "dist/src, dist/worker, dist/cli",
  sources: [
    "scripts/build.ts",
    "tsconfig.base.json",
    "tsconfig.build.json",
    "types/**/*.ts",
    "src/**/*.ts",
    "worker/**/*.ts",
    "cli/**/*.ts",
  ],
  outputs: ["dist/src", "dist/worker", "dist/cli"],
  async build(staging) {
    await tool("tsc", ["-p", "tsconfig.build.json", "--outDir", staging]);
    // Nobody imports the command line.
    for (const file of globSync("cli/**/*.d.ts", { cwd: staging })) rmSync(join(staging, file));
    // Sources name the kernels where they are built (../dist/…); seen from dist itself that folder is one step nearer.
    for (const file of globSync("**/*.{js,d.ts}", { cwd: staging }).map((path) => join(staging, path))) {
      const text = readFileSync(file, "utf8");
      const moved = text.replace(/(["'`])((?:\.\.\/)+)dist\//g, "$1$2");
      // tsc rewrites `./x.ts` to `./x.js` in JavaScript only.
      const named = moved.replace(/((?:from|import) ?\(?["']\.[^"']*)\.ts(?=["'])/g, "$1.js");
      if (named !== text) writeFileSync(file, named);
    }
    for (const path of globSync("src/{ops,nn,doctor}/**/*.js", { cwd: staging })) markPure(join(staging, path));
    for (const path of globSync("**/*.js.map", { cwd: staging })) {
      const file = join(staging, path);
      const map = JSON.parse(readFileSync(file, "utf8")) as { sources: string[] };
      // Seen from dist, the sources are elsewhere than seen from the staging folder.
      map.sources = map.sources.map((source) => {
        const from = join(root, "dist", dirname(path));
        return relative(from, resolve(dirname(file), source)).replaceAll("\\", "/");
      });
      writeFileSync(file, JSON.stringify(map));
    }
    for (const output of this.outputs) replace(join(staging, basename(output)), join(root, output));
  },
};

/** Definitions of operations are made by calls, which bundlers keep unless they are told that nothing else happens in them. */
function markPure(file: string): void {
  const text = readFileSync(file, "utf8");
  const marked = text.replace(/^(export const \w+ =|    (?:\w+:|\.\.\.)) ?(?=\w+\()/gm, "$1 /* @__PURE__ */ ");
  if (marked !== text) writeFileSync(file, marked);
}

const page: Part = {
  name: "build/app",
  sources: [
    "scripts/build.ts",
    "vite.config.ts",
    "assembly/**/*.ts",
    "asconfig.json",
    "src/**/*.ts",
    "worker/**/*.ts",
    "app/**/*.*",
    "examples/photo.*",
  ],
  outputs: ["build/app/index.html"],
  async build(staging) {
    const folder = join(staging, "app");
    await tool("vite", ["build", "--outDir", folder, "--emptyOutDir", "--logLevel", "warn"]);
    replace(folder, join(root, "build/app"));
  },
};

async function tool(name: string, args: readonly string[]): Promise<void> {
  if ((await run(name, args)) !== 0) {
    console.error(`${name} failed.`);
    process.exit(1);
  }
}

function replace(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  if (existsSync(to)) rmSync(to, { recursive: true });
  if (existsSync(from)) renameSync(from, to);
}

/** One hash over the paths and contents of a part's sources. */
function fingerprint(part: Part): string {
  const hash = createHash("sha256");
  for (const file of globSync(part.sources, { cwd: root }).sort())
    hash
      .update(file)
      .update("\0")
      .update(readFileSync(join(root, file)))
      .update("\0");
  return hash.digest("hex");
}

const stampFile = join(root, "build", "stamps.json");
const stamps: Record<string, string> = existsSync(stampFile)
  ? (JSON.parse(readFileSync(stampFile, "utf8")) as Record<string, string>)
  : {};
const ifMissing = process.argv.includes("--if-missing");

mkdirSync(join(root, "build"), { recursive: true });
for (const part of [...kernels, library, page]) {
  const stamp = fingerprint(part);
  if (ifMissing && stamps[part.name] === stamp && part.outputs.every((output) => existsSync(join(root, output))))
    continue;
  const staging = mkdtempSync(join(root, "build", "staging-"));
  process.on("exit", () => rmSync(staging, { recursive: true, force: true }));
  await part.build(staging);
  stamps[part.name] = stamp;
  writeFileSync(stampFile, JSON.stringify(stamps, null, 2));
  console.log(`built ${part.name}`);
}
