// `npm start` as a user sees it, on loopback ports of its own.
import { spawn, type ChildProcess } from "node:child_process";
import { createServer, type AddressInfo, type Server } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { descendants, hasProc, survivors } from "../helpers/processes.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const script = fileURLToPath(new URL("../../scripts/start.ts", import.meta.url));
const timeout = 60_000;

const children: ChildProcess[] = [];
const servers: Server[] = [];

afterEach(() => {
  // A test that failed: nothing it started stays.
  for (const child of children.splice(0)) {
    for (const { pid } of hasProc ? descendants(child.pid!) : []) process.kill(pid, "SIGKILL");
    child.kill("SIGKILL");
  }
  for (const server of servers.splice(0)) server.close();
});

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Resolves when the output has the text. */
  printed(text: string): Promise<void>;
  readonly exit: Promise<number | null>;
}

function start(...args: string[]): Run {
  return running(process.execPath, [script, ...args]);
}

function running(command: string, args: readonly string[]): Run {
  const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  let output = "";
  const exit = new Promise<number | null>((resolve) => child.once("close", resolve));
  const printed = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => void (output.includes(text) && resolve());
      look();
      child.stdout!.on("data", look);
      void exit.then(() => reject(new Error(`It ended without printing '${text}':\n${output}`)));
    });
  for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (chunk) => (output += String(chunk)));
  return { child, output: () => output, printed, exit };
}

async function listen(port = 0): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const port = await listen();
  await new Promise((resolve) => servers.pop()!.close(resolve));
  return port;
}

function numberAfter(label: string, text: string): number {
  return Number(
    text
      .slice(text.indexOf(label) + label.length)
      .trimStart()
      .split(/\s/)[0],
  );
}

describe("npm start", () => {
  test(
    "-- --once: prints both experiments and leaves nothing behind; a taken port is no obstacle",
    { timeout },
    async () => {
      const taken = await listen();
      const { child, output, printed, exit } = start("--once", "--port", String(taken));
      await printed("reached over HTTP");
      const started = hasProc ? descendants(child.pid!) : [];
      expect({ code: await exit, output: output() }).toMatchObject({ code: 0 });
      expect(hasProc ? started.map(({ name }) => name) : ["workerd"]).toContain("workerd");
      expect(hasProc ? await survivors(started) : []).toEqual([]);

      expect(output()).toMatch(new RegExp(`^Port ${taken} is taken: using \\d+\\.$`, "m"));
      const [, first, second] = output().split(/^\d\. /m);
      expect(numberAfter("moving_mean[0]", first)).toBeCloseTo(-18.41957, 3);
      expect(Math.abs(numberAfter("moving_variance[0]", first) - 261.11395)).toBeLessThan(0.05);
      expect(
        patchOf(first)
          .flat()
          .every((value) => Math.abs(value) < 5),
      ).toBe(true);
      expect(first).toContain("Doctor: no finding.");
      expect(numberAfter("moving_mean[0]", second)).toBe(0);
      expect(numberAfter("moving_variance[0]", second)).toBe(1);
      expect(
        patchOf(second)
          .flat()
          .some((value) => Math.abs(value) > 20),
      ).toBe(true);
      expect(second).toContain("Doctor: BN001 (warning)");
      expect(second).toContain("tf.getCollection(tf.GraphKeys.UPDATE_OPS)");
    },
  );

  test.each(["SIGINT", "SIGTERM"] as const)(
    "serves until %s, which leaves nothing behind",
    { timeout },
    async (signal) => {
      const port = await freePort();
      const { child, output, printed, exit } = start("--port", String(port));
      await printed("until Ctrl-C");
      const response = await fetch(`http://127.0.0.1:${port}/v1/sessions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: '{"example":"tutorial"}',
      });
      expect(response.status).toBe(201);
      await response.arrayBuffer();
      const started = hasProc ? descendants(child.pid!) : [];
      child.kill(signal);
      expect({ code: await exit, output: output() }).toMatchObject({ code: 0 });
      expect(hasProc ? await survivors(started) : []).toEqual([]);
      await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow("fetch failed");
    },
  );

  test.runIf(hasProc)("ending npm itself leaves nothing behind, either", { timeout }, async () => {
    const { child, printed } = running("npm", ["start", "--", "--port", String(await freePort())]);
    await printed("until Ctrl-C");
    const started = descendants(child.pid!);
    expect(started.map(({ name }) => name)).toContain("workerd");
    child.kill("SIGTERM");
    expect(await survivors(started)).toEqual([]);
  });

  test("a port that is none is refused", { timeout }, async () => {
    const { output, exit } = start("--port", "http");
    expect(await exit).toBe(1);
    expect(output()).toContain("--port must be a number from 1 to 65535, got 'http'.");
  });
});

/** The six rows after "result[…]". */
function patchOf(text: string): number[][] {
  const lines = text.slice(text.indexOf("result[")).split("\n").slice(1, 7);
  return lines.map((line) => line.trim().split(/\s+/).map(Number));
}
