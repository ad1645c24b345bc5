/** A project that has nothing but the packed trainlet and the programs of consumer/, in a temporary folder. */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "../../scripts/tools.ts";
import { readPhoto } from "../helpers/tutorial.ts";

export interface Project {
  readonly folder: string;
  /** Runs a command in the project's folder and gives what it printed. It fails with all that was printed. */
  run(command: string, ...args: string[]): Promise<string>;
  /** Compiles files with the repository's TypeScript and gives the errors. */
  typeErrors(...args: readonly string[]): Promise<string[]>;
  remove(): void;
}

/** Packs and installs. npm takes the package's dependencies from its cache, else from the registry it is configured for. */
export async function createProject(): Promise<Project> {
  // Chromium and Vite want the folder's real name.
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "trainlet-consumer-")));
  const project: Project = {
    folder,
    run: (command, ...args) => execute(command, args, folder),
    typeErrors: (...args) => compile(args, folder),
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }),
  };
  try {
    const packed = join(folder, "packed");
    await project.run(process.execPath, join(root, "scripts", "pack.ts"), "--out", packed);
    rmSync(join(packed, "package"), { recursive: true });
    const [tarball] = readdirSync(packed);
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
    const quiet = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
    await project.run("npm", "install", "--prefix", folder, ...quiet, join(packed, tarball));
    cpSync(fileURLToPath(new URL("consumer", import.meta.url)), folder, { recursive: true });
    mkdirSync(join(folder, "public"));
    writeFileSync(join(folder, "public", "photo.bin"), new Uint8Array(readPhoto().data.buffer));
    return project;
  } catch (error) {
    project.remove();
    throw error;
  }
}

/** Lends a package of this repository to the project. */
export function lend({ folder }: Project, name: string): void {
  const link = join(folder, "node_modules", name);
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(join(root, "node_modules", name), link, "junction");
}

/** Runs a command and gives what it printed. */
export async function execute(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { failure, stdout, stderr } = await start(command, args, cwd);
  if (failure) throw new Error([failure.message, stdout, stderr].join("\n"), { cause: failure });
  return stdout;
}

async function compile(args: readonly string[], cwd: string): Promise<string[]> {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const strict = [
    "--strict",
    "--noEmit",
    "--target",
    "esnext",
    "--verbatimModuleSyntax",
    "--allowImportingTsExtensions",
  ];
  const all = [tsc, "--ignoreConfig", "--pretty", "false", ...strict, ...args];
  const { failure, stdout, stderr } = await start(process.execPath, all, cwd);
  // An error starts a line and may go on in indented ones.
  const errors = stdout.split("\n").filter((line) => /^\S/.test(line));
  if (failure && errors.length === 0) throw new Error(`${failure.message}\n${stderr}`, { cause: failure });
  return errors;
}

interface Outcome {
  readonly failure: Error | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(command: string, args: readonly string[], cwd: string): Promise<Outcome> {
  const shell = process.platform === "win32" && command === "npm";
  return new Promise((resolve) => {
    execFile(command, args, { cwd, shell, maxBuffer: 64 * 1024 ** 2 }, (failure, stdout, stderr) =>
      resolve({ failure, stdout, stderr }),
    );
  });
}
