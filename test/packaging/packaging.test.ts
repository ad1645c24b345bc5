/**
 * The tarball in projects that have nothing else: Node, TypeScript, Vite in development and built, Cloudflare. Each runs the
 * tutorial. Nothing is contacted but loopback, and by `npm install` npm's registry for what is not in npm's cache.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium, type Browser } from "playwright-core";
import { build, createServer, preview, type InlineConfig } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startServer } from "../../scripts/server.ts";
import { root } from "../../scripts/tools.ts";
import { encodeSafetensors } from "../../src/formats/safetensors.ts";
import { findChromium } from "../helpers/chromium.ts";
import { createProject, execute, lend, type Project } from "./project.ts";

interface Answer {
  readonly mean: readonly number[];
  readonly variance: readonly number[];
}

let project: Project;

beforeAll(async () => {
  project = await createProject();
}, 120_000);

afterAll(() => project?.remove());

/** What the first host gave: the others must give the same bits. */
let first: Answer | undefined;

/** TensorFlow's values after 100 steps, within the rounding of sums over 2,500 pixels taken in another order. */
function expectTutorial(answers: Record<string, Answer>, ...hosts: string[]): void {
  const checked = Object.entries(answers).map(([host, { mean, variance }]) => ({
    host,
    channels: mean.length,
    mean: Math.abs(mean[0] + 18.41958) < 0.00055,
    variance: Math.abs(variance[0] - 261.11316) < 0.05,
  }));
  expect(checked).toEqual(hosts.map((host) => ({ host, channels: 32, mean: true, variance: true })));
  first ??= answers[hosts[0]];
  expect(answers).toEqual(Object.fromEntries(hosts.map((host) => [host, first])));
}

const read = (path: string): string => readFileSync(join(project.folder, "node_modules", path), "utf8");

describe("the tarball", () => {
  it("brings its dependencies and no Node", () => {
    const installed = globSync(["node_modules/*", "node_modules/@*/*"], { cwd: project.folder });
    expect(installed.map((path) => path.replaceAll("\\", "/").slice("node_modules/".length)).sort()).toEqual([
      "@bufbuild",
      "@bufbuild/protobuf",
      "@valibot",
      "@valibot/to-json-schema",
      "comlink",
      "commander",
      "fast-png",
      "fflate",
      "hono",
      "iobuffer",
      "trainlet",
      "valibot",
      "web-csv-toolbox",
      "yocto-spinner",
      "yoctocolors",
    ]);
  });

  it("has a manifest without anything that is the repository's own", () => {
    const manifest = JSON.parse(read("trainlet/package.json")) as object;
    for (const field of ["devDependencies", "optionalDependencies", "allowScripts", "scripts"])
      expect(manifest).not.toHaveProperty(field);
    for (const file of ["README.md", "LICENSE", "CHANGELOG.md"]) expect(read(`trainlet/${file}`)).not.toBe("");
  });

  it("cannot be made from the repository's manifest by mistake", { timeout: 60_000 }, async () => {
    await expect(execute("npm", ["pack", "--dry-run"], root)).rejects.toThrow("Run npm run pack");
  });

  it("has source maps that carry their sources", () => {
    const folder = join(project.folder, "node_modules", "trainlet", "dist");
    const maps = globSync("**/*.js.map", { cwd: folder });
    expect(maps).toHaveLength(globSync("{src,worker,cli}/**/*.js", { cwd: folder }).length);
    const wrong = maps.filter((path) => {
      const map = JSON.parse(read(`trainlet/dist/${path}`)) as { sources: string[]; sourcesContent: string[] };
      const source = path.replace(/\.js\.map$/, ".ts");
      const named = join("dist", path, "..", map.sources[0]);
      return named !== source || map.sourcesContent[0] !== readFileSync(join(root, source), "utf8");
    });
    expect(wrong).toEqual([]);
  });
});

describe("types", () => {
  beforeAll(() => {
    for (const name of ["@types/node", "undici-types", "@cloudflare/workers-types"]) lend(project, name);
  });

  const nodenext = ["--module", "nodenext", "--moduleResolution", "nodenext"];
  const bundler = ["--module", "esnext", "--moduleResolution", "bundler"];
  const node = [...nodenext, "--types", "node", "node.ts"];
  const page = [...bundler, "--lib", "esnext,dom", "page.ts", "worker.ts", "host.ts"];
  const files = ["cloudflare.ts", "worker-configuration.d.ts"];
  const cloudflare = [...bundler, "--lib", "esnext", "--types", "@cloudflare/workers-types", ...files];
  it.each([
    ["Node", [...node, "--lib", "esnext,dom"]],
    // Then nothing declares WebAssembly.
    ["Node without the DOM, libraries unchecked", [...node, "--lib", "esnext", "--skipLibCheck"]],
    ["a bundler", page],
    ["a bundler with the condition browser", [...page, "--customConditions", "browser"]],
    ["Cloudflare", cloudflare],
    ["Cloudflare with the condition workerd", [...cloudflare, "--customConditions", "workerd"]],
  ])("are right for %s", { timeout: 60_000 }, async (_, args) => {
    const errors = await project.typeErrors(...args);
    // Comlink's own declarations want the DOM.
    expect(errors.filter((line) => !line.startsWith("node_modules/comlink/"))).toEqual([]);
  });
});

describe("Node", () => {
  it("runs the tutorial in its process and in a worker thread", { timeout: 60_000 }, async () => {
    const { operations, ...answers } = JSON.parse(await project.run(process.execPath, "node.ts")) as Record<
      string,
      Answer
    >;
    expectTutorial(answers, "program", "inProcess", "worker");
    expect(operations).toBeGreaterThan(50);
  });
});

describe("the command line", () => {
  const trainlet = (...args: readonly string[]): Promise<string> =>
    project.run("npm", "exec", "--no", "--offline", "--", "trainlet", ...args);
  const golden = (name: string): string => join(root, "test/golden/metagraph/tutorial", name);

  it("runs from the tarball", { timeout: 60_000 }, async () => {
    const { version } = JSON.parse(read("trainlet/package.json")) as { version: string };
    expect(await trainlet("--version")).toBe(`${version}\n`);
    expect(await trainlet("stats", golden("graph.meta"), golden("ckpt"))).toContain("Moving statistics");
    expect(await trainlet("plan", golden("graph.meta"), "--fetch", "net:0")).toMatch(/^Plan: \d+ steps/);
    await trainlet("convert", golden("ckpt"), "model.safetensors");
    await expect(trainlet("doctor", golden("graph.meta"), "model.safetensors", "--fetch", "net:0")).rejects.toThrow(
      "BN001",
    );
    const photo = encodeSafetensors([
      ["input_node", { dtype: "float32", shape: [2, 100, 100, 3], data: new Float32Array(60_000) }],
    ]);
    writeFileSync(join(project.folder, "photos.safetensors"), photo);
    const lines = await trainlet("train", golden("graph.meta"), "--data", "photos.safetensors", "--steps", "2");
    expect(
      lines
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { step: number }).step),
    ).toEqual([1, 2, 2]);
  });
});

describe("Vite", () => {
  let browser: Browser;

  beforeAll(async () => {
    const { executablePath, env, args } = await findChromium();
    browser = await chromium.launch({ executablePath, env, args });
  }, 60_000);

  afterAll(() => browser?.close());

  const config = (): InlineConfig => ({ root: project.folder, configFile: false, logLevel: "error" });
  const address = { host: "127.0.0.1", port: 0 };

  /** Asks the page of a server for its hosts' answers, and ends the server. */
  async function ask(
    server: { resolvedUrls: { local: string[] } | null; close(): Promise<void> },
    ...hosts: string[]
  ): Promise<Record<string, Answer>> {
    const page = await browser.newPage();
    try {
      await page.goto(server.resolvedUrls!.local[0]);
      await page.waitForFunction("globalThis.hosts");
      const answers: Record<string, Answer> = {};
      for (const host of hosts) answers[host] = (await page.evaluate(`hosts.${host}()`)) as Answer;
      return answers;
    } finally {
      await page.close();
      await server.close();
    }
  }

  it("serves the program in a module worker, unconfigured", { timeout: 60_000 }, async () => {
    // The first visit makes Vite find the worker's imports. It may then reload the page, once: a user sees no more than that.
    const first = await createServer({ ...config(), server: address });
    await ask(await first.listen(), "program").catch((error: Error) => {
      if (!error.message.includes("navigation")) throw error;
    });
    const server = await createServer({ ...config(), server: address });
    const answers = await ask(await server.listen(), "program");
    expectTutorial(answers, "program");
  });

  // Without the line, Vite finds out while the page is running that the worker imports the package too, and optimizes again.
  it("serves the package's own hosts", { timeout: 60_000 }, async () => {
    const server = await createServer({ ...config(), server: address, optimizeDeps: { exclude: ["trainlet"] } });
    const answers = await ask(await server.listen(), "program", "worker", "startedWorker", "inProcess");
    expectTutorial(answers, "program", "worker", "startedWorker", "inProcess");
  });

  it("builds all of it, unconfigured", { timeout: 60_000 }, async () => {
    await build(config());
    const answers = await ask(
      await preview({ ...config(), preview: address }),
      "program",
      "worker",
      "startedWorker",
      "inProcess",
    );
    expectTutorial(answers, "program", "worker", "startedWorker", "inProcess");
  });
});

describe("wrangler", () => {
  it("serves the program, and the service of trainlet/cloudflare", { timeout: 60_000 }, async () => {
    const server = await startServer(0, { config: join(project.folder, "wrangler.toml") });
    try {
      const body = readFileSync(join(project.folder, "public", "photo.bin"));
      const response = await fetch(`${server.url}/tutorial`, { method: "POST", body });
      const answers = (await response.json()) as Record<string, Answer>;
      expectTutorial(answers, "program", "inProcess");
      const remote = JSON.parse(await project.run(process.execPath, "node.ts", server.url)) as Record<string, Answer>;
      expectTutorial(remote, "service");
    } finally {
      await server.dispose();
    }
  });
});
