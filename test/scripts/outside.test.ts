// `npm start` contacts nothing but loopback: wrangler's telemetry, look for updates and request data are off.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { root } from "../../scripts/tools.ts";

const guard = pathToFileURL(join(root, "test", "helpers", "loopbackOnly.ts")).href;

/** What a program of Node's tries to reach outside. */
async function outside(...args: string[]): Promise<{ contacted: string[]; output: string }> {
  const folder = mkdtempSync(join(tmpdir(), "trainlet-outside-"));
  const file = join(folder, "contacted");
  writeFileSync(file, "");
  const env = { ...process.env, NODE_OPTIONS: `--import=${guard}`, TRAINLET_OUTSIDE: file };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, env, timeout: 90_000 });
    return { contacted: readFileSync(file, "utf8").split("\n").filter(Boolean), output: stdout };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test("the guard sees names, addresses and what a child asks for", async () => {
  const asks = `await fetch("http://trainlet.example/").catch(() => {}); await fetch("http://192.0.2.1/").catch(() => {});
    await import("node:http").then(({ get }) => get("http://other.example/").on("error", () => {})).catch(() => {});`;
  const child = `await import("node:child_process").then((c) => c.execFileSync(process.execPath, ["--input-type=module", "-e", ${JSON.stringify(asks)}]));`;
  for (const program of [asks, child]) {
    const { contacted } = await outside("--input-type=module", "-e", program);
    expect(new Set(contacted)).toEqual(new Set(["trainlet.example", "192.0.2.1", "other.example"]));
  }
});

test("npm start: nothing outside", { timeout: 120_000 }, async () => {
  const { contacted, output } = await outside("scripts/start.ts", "--once", "--port", "8950");
  expect(output).toContain("BN001");
  expect(contacted).toEqual([]);
});
