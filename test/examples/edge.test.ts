// examples/edge.sh and examples/edge.py as a user runs them, against a local Worker.
import { execFile, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeSafetensors } from "../../src/formats/safetensors.ts";
import { startServer, type Server } from "../../scripts/server.ts";
import { toleranceOf } from "../conformance/goldenCase.ts";
import type { ProgramManifest } from "../conformance/metagraph.ts";
import { readGolden } from "../helpers/golden.node.ts";

const timeout = 60_000;
const path = (file: string): string => fileURLToPath(new URL(`../../${file}`, import.meta.url));

/** Nothing but the scripts' own settings may reach them: a proxy would see the requests. */
const env: NodeJS.ProcessEnv = { ...process.env, NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1", TRAINLET_TOKEN: "" };

const has = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0;

/** What a script needs, and the word for where it is missing. */
const scripts = [
  {
    script: "edge.sh",
    command: "bash",
    missing: ["bash", "curl", "jq"].filter((tool) => !has(tool, "--version")),
  },
  {
    script: "edge.py",
    command: "python3",
    missing: has("python3", "-c", "import numpy") ? [] : ["python3 with numpy"],
  },
];

let server: Server;

beforeAll(async () => {
  server = await startServer(0);
}, timeout);

afterAll(() => server?.dispose());

function run(command: string, script: string, args: string[], more: NodeJS.ProcessEnv = {}) {
  return promisify(execFile)(command, [path(`examples/${script}`), ...args], { env: { ...env, ...more }, timeout });
}

function refusal(call: Promise<unknown>): Promise<{ code: number; stderr: string }> {
  return call.then(
    () => expect.unreachable("the script ended well"),
    (error: { code: number; stderr: string }) => error,
  );
}

describe.each(scripts)("examples/$script", ({ script, command, missing }) => {
  const title = missing.length === 0 ? "" : ` (skipped: ${missing.join(" and ")} not found here)`;

  test.skipIf(missing.length > 0)(`100 steps give TensorFlow's statistics${title}`, { timeout }, async () => {
    const { stdout, stderr } = await run(command, script, [server.url]);
    const [line, layer, mean, variance, updates] = /^(\S+): mean\[0\] (\S+), variance\[0\] (\S+), (\d+) updates$/.exec(
      stdout.trim(),
    ) ?? [stdout];
    expect({ line, layer, updates, stderr }).toMatchObject({ layer: "bn", updates: "100", stderr: "" });
    const { tensors } = decodeSafetensors(await readGolden("metagraph/tutorial/io.safetensors"));
    const manifest = JSON.parse(
      new TextDecoder().decode(await readGolden("metagraph/tutorial/case.json")),
    ) as ProgramManifest;
    for (const [name, got] of [
      ["eval/mm", mean],
      ["eval/mv", variance],
    ]) {
      const { rtol, atol } = toleranceOf(manifest.tolerance[name]);
      const want = Number(tensors.get(name)!.data[0]);
      expect(Math.abs(Number(got) - want), `${name}[0] ${got}, want ${want}`).toBeLessThan(
        atol + rtol * Math.abs(want),
      );
    }
  });

  test.skipIf(missing.length > 0)(
    `what is no graph: the service's sentence, and a failure${title}`,
    { timeout },
    async () => {
      const { code, stderr } = await refusal(run(command, script, [server.url, path("examples/photo.png")]));
      expect(code).toBeGreaterThan(0);
      expect(stderr).toContain("This is no MetaGraphDef, but a PNG image.");
    },
  );

  test.skipIf(missing.length > 0)(`TRAINLET_TOKEN travels as a bearer token${title}`, { timeout }, async () => {
    const { createServer } = await import("node:http");
    const seen: (string | undefined)[] = [];
    const other = createServer((request, response) => {
      seen.push(request.headers.authorization);
      request.resume().once("end", () => response.writeHead(401).end('{"detail":"not this one"}'));
    });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = other.address() as { port: number };
      const { stderr } = await refusal(run(command, script, [`http://127.0.0.1:${port}`], { TRAINLET_TOKEN: "a b" }));
      expect(stderr).toContain("not this one");
      expect(seen).toEqual(["Bearer a b"]);
    } finally {
      other.close();
    }
  });
});

test("the scripts' graph and photograph are TensorFlow's", async () => {
  const { readFile } = await import("node:fs/promises");
  expect(
    Buffer.compare(await readFile(path("examples/tutorial.meta")), await readGolden("metagraph/tutorial/graph.meta")),
  ).toBe(0);
  const { tensors } = decodeSafetensors(Uint8Array.from(await readFile(path("examples/photo.safetensors"))));
  const { tensors: golden } = decodeSafetensors(await readGolden("metagraph/tutorial/io.safetensors"));
  expect(tensors.get("input_node:0")!.shape).toEqual([1, 100, 100, 3]);
  expect(Float32Array.from(tensors.get("input_node:0")!.data as Uint8Array)).toEqual(
    Float32Array.from(golden.get("feed0/input_node:0")!.data as Float32Array),
  );
});
