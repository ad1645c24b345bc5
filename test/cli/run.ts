/** Runs the command line: in this process, or as one of its own. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect } from "vitest";
import { main } from "../../cli/main.ts";

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export async function trainlet(...args: readonly string[]): Promise<Ran> {
  let [out, err] = ["", ""];
  const code = await main(args, {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    tty: false,
  });
  return { code, out, err };
}

/** A process of its own, interrupted when it has printed something that matches. */
export async function spawnTrainlet(args: readonly string[], interruptAt?: RegExp): Promise<Ran> {
  const script = fileURLToPath(new URL("../../cli/trainlet.ts", import.meta.url));
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
    if (interruptAt?.test(out)) {
      child.kill("SIGINT");
      interruptAt = undefined;
    }
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (err += text));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, out, err };
}

/** A text, or what matches. */
export const saying = (message: string | RegExp): unknown =>
  typeof message === "string" ? message : expect.stringMatching(message);

export const golden = (path: string): string => fileURLToPath(new URL(`../golden/metagraph/${path}`, import.meta.url));

export const goldenBytes = (path: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(golden(path)));

/** A folder that is gone when the file's tests are over. */
export function temporaryFolder(): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), "trainlet-cli-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return (name) => join(folder, name);
}
