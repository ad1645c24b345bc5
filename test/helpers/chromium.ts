// Finds a Chromium for the browser tests: CHROME_PATH, else a system Chromium or Chrome, else the one packed in @sparticuz/chromium.
import { execFile } from "node:child_process";
import {
  accessSync,
  constants,
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createBrotliDecompress } from "node:zlib";

export interface Chromium {
  /** Undefined where none is found: Playwright then looks for its own download and says how to get it. */
  executablePath: string | undefined;
  /** The whole environment of the browser process. */
  env: Record<string, string>;
  args: string[];
}

const systemNames = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const systemPaths = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
  "C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe",
];

const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
];

export async function findChromium(): Promise<Chromium> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  if (process.env.CHROME_PATH) return { executablePath: process.env.CHROME_PATH, env, args };
  const system = findSystemChromium();
  if (system !== undefined) return { executablePath: system, env, args };
  if (process.platform !== "linux" || process.arch !== "x64") return { executablePath: undefined, env, args };
  const folder = await unpackChromium();
  const libraries = [join(folder, "al2023", "lib"), process.env.LD_LIBRARY_PATH].filter(Boolean).join(":");
  return {
    executablePath: join(folder, "chromium"),
    env: { ...env, LD_LIBRARY_PATH: libraries, FONTCONFIG_PATH: join(folder, "fonts") },
    args,
  };
}

function findSystemChromium(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  const candidates = [...folders.flatMap((folder) => systemNames.map((name) => join(folder, name))), ...systemPaths];
  return candidates.find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Unpacks the browser, its libraries and its fonts, once per version and user. The package's own executablePath() leaves the
 * libraries out unless it runs on AWS, and its target is half written while it works; here a finished folder is moved into place.
 */
async function unpackChromium(): Promise<string> {
  const packageFolder = fileURLToPath(new URL("../../", import.meta.resolve("@sparticuz/chromium")));
  const { version } = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8")) as { version: string };
  const target = join(tmpdir(), `trainlet-chromium-${version}-${process.getuid?.() ?? 0}`);
  if (existsSync(target)) return target;

  const staging = mkdtempSync(`${target}-`);
  try {
    const packed = (name: string) => join(packageFolder, "bin", name);
    await Promise.all([
      unbrotli(packed("chromium.br"), join(staging, "chromium"), 0o755),
      untar(packed("al2023.tar.br"), join(staging, "al2023")),
      untar(packed("fonts.tar.br"), join(staging, "fonts")),
    ]);
    renameSync(staging, target);
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    if (!existsSync(target)) throw error; // else another process was first
  }
  return target;
}

/** By way of a file: tar stops reading at the archive's end mark, which breaks a pipe that has more to give. */
async function untar(archive: string, folder: string): Promise<void> {
  await unbrotli(archive, `${folder}.tar`);
  mkdirSync(folder);
  await promisify(execFile)("tar", ["-xf", `${folder}.tar`, "-C", folder]);
  rmSync(`${folder}.tar`);
}

function unbrotli(archive: string, file: string, mode?: number): Promise<void> {
  return pipeline(createReadStream(archive), createBrotliDecompress(), createWriteStream(file, { mode }));
}
