/** A process that is killed at twenty random moments of a fit, and resumed from its last checkpoint, ends in the same bits. */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRandom } from "../assembly/harness.ts";

const program = fileURLToPath(new URL("killable.ts", import.meta.url));
const steps = 2500;
const kills = 20;
/** As the program has it. */
const checkpointEvery = 7;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "trainlet-kill-"));
});
afterAll(() => rm(folder, { recursive: true }));

interface Life {
  /** The first step that was reported, and the last; 0 where none was. */
  readonly first: number;
  readonly last: number;
  /** The last line, where the process came to its end. */
  readonly end: string | null;
}

/** Runs the fit until it ends, or until `lines` of progress and then some milliseconds have passed. */
async function live(name: string, kill?: { lines: number; delay: number }): Promise<Life> {
  const child = spawn(process.execPath, [program, name, String(steps)], { stdio: ["ignore", "pipe", "inherit"] });
  let [first, last, seen] = [0, 0, 0];
  let end: string | null = null;
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, step] = line.split(" ");
    if (word === "end") end = line;
    else {
      first ||= Number(step);
      last = Number(step);
    }
    if (kill && ++seen === kill.lines) setTimeout(() => child.kill("SIGKILL"), kill.delay);
  }
  return { first, last, end };
}

test("same bits", { timeout: 240_000 }, async () => {
  const whole = await mkdtemp(join(folder, "whole-"));
  const killed = await mkdtemp(join(folder, "killed-"));
  const { end } = await live(whole);
  expect(end).toMatch(/^end 2500 [0-9a-f]{64}$/);

  const random = createRandom(20191001);
  let before = 0;
  for (let i = 0; i < kills; i++) {
    const life = await live(killed, { lines: 1 + Math.floor(random() * 60), delay: Math.floor(random() * 20) });
    expect(life.end, `the fit ended before kill ${i + 1}`).toBe(null);
    // It goes on behind the last checkpoint. What the one before had said may be a slice behind what it had made.
    expect(life.first).toBeGreaterThan(before - checkpointEvery);
    before = life.last;
  }
  expect((await live(killed)).end).toBe(end);
});
