// Packs what is published: build/trainlet-<version>.tgz, from a manifest written here. `--out folder` packs elsewhere.
// The project's own manifest will not do: its optional Node of 190 MB would come along and shadow the user's.
// The package is ESM only; publint and are-the-types-wrong (its profile esm-only) must find nothing.
import { spawn } from "node:child_process";
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, extname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { root, run } from "./tools.ts";

interface Manifest {
  name: string;
  version: string;
  files: string[];
  sideEffects: string[];
  exports: object;
  dependencies: Record<string, string>;
  [field: string]: unknown;
}

/** What a user's npm and bundler read. Whatever is not named here stays at home. */
const published = [
  "name",
  "version",
  "description",
  "keywords",
  "homepage",
  "bugs",
  "repository",
  "license",
  "author",
  "files",
  "type",
  "sideEffects",
  "exports",
  "bin",
  "engines",
  "dependencies",
];

const { values: options } = parseArgs({ options: { out: { type: "string", default: join(root, "build") } } });
const out = resolve(options.out);
const staging = join(out, "package");

if ((await run("node", ["scripts/build.ts", "--if-missing"])) !== 0) fail(["The build failed."]);
const manifest = stage();
fail([...lookForStrayImports(manifest), ...lookForStrayContents()]);
const tarball = await npmPack(manifest);
fail([...(await runPublint(manifest)), ...(await runAreTheTypesWrong())]);
summarize();

/** Copies the files and writes the manifest. */
function stage(): Manifest {
  const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { recursive: true });
  const missing = own.files.filter((file) => !existsSync(join(root, file)));
  fail(missing.map((file) => `${file} is in package.json's files and does not exist.`));
  for (const file of own.files) cpSync(join(root, file), join(staging, file), { recursive: true });
  const manifest = Object.fromEntries(published.flatMap((key) => (key in own ? [[key, own[key]]] : []))) as Manifest;
  // The patterns for unbuilt sources mean nothing to a user.
  manifest.sideEffects = own.sideEffects.filter((pattern) => pattern.startsWith("./dist/"));
  writeFileSync(join(staging, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/** What is imported must be a dependency, and the other way round: the page's libraries are no business of the package. */
function lookForStrayImports({ dependencies }: Manifest): string[] {
  const unused = new Set(Object.keys(dependencies));
  const problems: string[] = [];
  for (const file of globSync("dist/**/*.{js,d.ts}", { cwd: staging })) {
    const text = readFileSync(join(staging, file), "utf8");
    for (const [, , specifier] of text.matchAll(/(^[^"'`\n]*\bfrom|^import|\bimport\() ?["']([^"'\s]+)["']/gm)) {
      if (specifier.startsWith(".")) {
        const target = join(staging, dirname(file), specifier);
        if (!existsSync(target)) problems.push(`${file} imports ${specifier}, which is not in the package.`);
        continue;
      }
      if (/^(node|cloudflare):/.test(specifier)) continue;
      const [name] = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)!;
      if (builtinModules.includes(name)) problems.push(`${file} imports ${specifier} without node:.`);
      else if (name in dependencies) unused.delete(name);
      else problems.push(`${file} imports ${specifier}, which is no dependency.`);
    }
  }
  return [...problems, ...[...unused].map((name) => `Nothing in the package imports its dependency ${name}.`)];
}

/** Only built files, and no path of this machine in them. */
function lookForStrayContents(): string[] {
  return files("dist/**").flatMap((file) => {
    if (!/\.(js|d\.ts|js\.map|wasm)$/.test(file)) return [`${file} is no built file.`];
    return readFileSync(join(staging, file)).includes(root) ? [`${file} names the folder it was built in.`] : [];
  });
}

async function npmPack({ name, version }: Manifest): Promise<string> {
  const code = await new Promise((resolve, reject) => {
    const child = spawn("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", out], {
      cwd: staging,
      stdio: ["ignore", "ignore", "inherit"],
      shell: process.platform === "win32",
    });
    child.on("error", reject);
    child.on("close", resolve);
  });
  if (code !== 0) fail([`npm pack failed with exit code ${String(code)}.`]);
  return join(out, `${name}-${version}.tgz`);
}

async function runPublint(manifest: Manifest): Promise<string[]> {
  const { buffer } = new Uint8Array(readFileSync(tarball));
  const { messages } = await publint({ pack: { tarball: buffer }, strict: true });
  return messages.map((message) => `publint: ${formatMessage(message, manifest, { color: false }) ?? message.code}`);
}

async function runAreTheTypesWrong(): Promise<string[]> {
  const result = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
  if (!result.types) return ["are-the-types-wrong: The package has no types."];
  return result.problems
    .filter((problem) => !("resolutionKind" in problem && ["node10", "node16-cjs"].includes(problem.resolutionKind)))
    .map((problem) => `are-the-types-wrong: ${JSON.stringify(problem)}`);
}

function summarize(): void {
  const kinds = new Map<string, { count: number; bytes: number }>();
  for (const file of files("**")) {
    const [kind] = /\.(d\.ts|js\.map)$/.exec(file) ?? [extname(file) || file];
    const { count, bytes } = kinds.get(kind) ?? { count: 0, bytes: 0 };
    kinds.set(kind, { count: count + 1, bytes: bytes + statSync(join(staging, file)).size });
  }
  console.log(`${"files".padEnd(12)}${"count".padStart(8)}${"bytes".padStart(12)}`);
  for (const [kind, { count, bytes }] of [...kinds].sort((a, b) => b[1].bytes - a[1].bytes))
    console.log(`${kind.padEnd(12)}${String(count).padStart(8)}${String(bytes).padStart(12)}`);
  console.log(`publint and are-the-types-wrong (esm-only) found nothing.`);
  console.log(`${tarball}: ${statSync(tarball).size} bytes`);
}

function files(pattern: string): string[] {
  return globSync(pattern, { cwd: staging }).filter((file) => statSync(join(staging, file)).isFile());
}

/** Ends the script if there are problems. */
function fail(problems: readonly string[]): void {
  if (problems.length === 0) return;
  for (const problem of problems) console.error(problem);
  process.exit(1);
}
