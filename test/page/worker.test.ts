// The page as Cloudflare serves it: the real Worker in workerd, the built page as its static assets.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { nodeBits } from "../../app/compute/expected.ts";
import { startServer, type Server } from "../../scripts/server.ts";
import { root } from "../../scripts/tools.ts";
import { buildPage, run } from "../helpers/page.ts";
import { launchWithFonts } from "../helpers/pageBrowser.ts";

const folders: string[] = [];
let server: Server;
let browser: Browser;

beforeAll(async () => {
  const assets = await buildPage();
  const folder = mkdtempSync(join(tmpdir(), "trainlet-wrangler-"));
  folders.push(assets, folder);
  const config = join(folder, "wrangler.toml");
  writeFileSync(config, configFor(assets));
  [server, browser] = await Promise.all([startServer(0, { config }), launchWithFonts()]);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await server?.dispose();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** The project's own configuration, with this build's assets. */
function configFor(assets: string): string {
  return readFileSync(join(root, "wrangler.toml"), "utf8")
    .replace(/^main = "/m, `main = "${root}`)
    .replace(/^directory = .*$/m, `directory = ${JSON.stringify(assets)}`);
}

test("both runs at the edge, in Durable Objects: Node's bits", async () => {
  const page = await browser.newPage({ locale: "en-US" });
  const problems: string[] = [];
  page.on("console", (message) => problems.push(message.text()));
  await page.goto(`${server.url}/?host=edge&pace=full`);
  await run(page);
  expect(await page.textContent("#numbers [data-fact=bits]")).toBe(nodeBits.bits);
  expect(await page.textContent("#numbers [data-fact=host]")).toBe("The edge");
  expect(problems).toEqual([]);
  await page.close();
}, 60_000);

test("pages have their headers, and what is not there says so", async () => {
  for (const [path, status] of [
    ["/", 200],
    ["/mnist", 200],
    ["/runs", 200],
    ["/nowhere", 404],
  ] as const) {
    const response = await fetch(server.url + path);
    expect({ path, status: response.status }).toEqual({ path, status });
    expect(response.headers.get("content-security-policy")).toContain("default-src 'self'");
    expect(await response.text()).toContain("trainlet");
  }
  const problem = await fetch(`${server.url}/v1/nothing`);
  expect(problem.headers.get("content-type")).toContain("application/problem+json");
  await problem.body?.cancel();
});
