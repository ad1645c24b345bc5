// The MNIST page in Chromium, with few digits: keyboard, accessibility, layout shift, sizes.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { writeFewDigits } from "../helpers/fewDigits.ts";
import { expectState, PageUnderTest } from "../helpers/page.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const kilobyte = 1000;

let site: PageUnderTest;

beforeAll(async () => {
  site = await PageUnderTest.start();
  writeFewDigits(join(site.folder, "digits"), 640, 500);
}, 120_000);
afterAll(() => site?.end());
afterEach(() => site.checkLog());

test("by keyboard: settings, Train, Stop, the rest in order", async () => {
  const page = await site.open("/mnist?epochs=3&batch=32");
  await expectState(page, "Ready.");
  const seen: string[] = [];
  const here = (): Promise<string> =>
    page.evaluate(
      `(() => { const e = document.activeElement; return e.id || e.name || e.getAttribute("href") || e.tagName; })()`,
    );
  for (let i = 0; i < 13; i++) {
    await page.keyboard.press("Tab");
    seen.push(await here());
  }
  expect(seen.join(" ")).toBe("#main / / /mnist /runs theme host epochs batch rate updates primary stop");
  await page.focus("#primary");
  await page.keyboard.press("Enter");
  await expectState(page, "Running, step");
  expect(await here()).toBe("primary");
  await page.keyboard.press("Escape");
  await expectState(page, "Stopped at step");
  expect(await page.textContent("#status")).toMatch(/^Stopped at step \d+\. Nothing is lost\.$/);
  await page.close();
});

test.each(["light", "dark"] as const)(
  "axe finds nothing, %s",
  async (colorScheme) => {
    const page = await site.open("/mnist?epochs=1&batch=32&updates=off", { colorScheme, bypassCSP: true });
    const check = async (state: string): Promise<void> => {
      await page.evaluate(axe);
      const found = (await page.evaluate(
        `axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + " " + target + " " + failureSummary)))`,
      )) as string[];
      expect({ state, found }).toEqual({ state, found: [] });
    };
    await expectState(page, "Ready.");
    await check("ready");
    await page.click("#primary");
    await page.locator("#state", { hasText: /Running, step [1-9]/ }).waitFor();
    await check("running");
    await expectState(page, "Finished.");
    await page.focus("#use");
    await page.keyboard.press("3");
    await page.locator("#reading", { hasText: "Looks like" }).waitFor();
    await page.click("summary:has-text('Show the plots')");
    await check("finished");
    const { edge } = site.server;
    site.server.edge = () => new Response("", { status: 401 });
    await page.check("[name=host][value=edge]");
    await page.click("#primary");
    await page.waitForSelector("#alert .problem");
    await check("error");
    site.server.edge = edge;
    site.forgive();
    await page.close();
  },
  60_000,
);

// What moves at once behind a click is not counted: on a small screen Train folds the settings.
test("layout shift of a whole visit is at most 0.01", async () => {
  for (const [width, height] of [
    [1440, 900],
    [1024, 768],
    [390, 844],
  ]) {
    const page = await site.browser.newPage({ locale: "en-US", viewport: { width, height } });
    await page.addInitScript(
      `window.shift = 0; window.shifted = []; new PerformanceObserver((list) => { for (const entry of list.getEntries()) { if (entry.hadRecentInput) continue; window.shift += entry.value; window.shifted.push(entry.value.toFixed(4) + " " + entry.sources.map(({ node }) => node?.id || node?.className || node?.nodeName)); } }).observe({ type: "layout-shift", buffered: true });`,
    );
    await page.goto(`${site.server.url}/mnist?epochs=1&batch=32&updates=off`);
    await expectState(page, "Ready.");
    await page.focus("#use");
    await page.keyboard.press("3");
    await page.locator("#reading", { hasText: "Looks like" }).waitFor();
    await page.click("#primary");
    for (const section of ["#digit", "#statistics", "#numbers"]) {
      await page.locator(section).scrollIntoViewIfNeeded();
      await page.waitForTimeout(200);
    }
    await expectState(page, "Finished.");
    await page.waitForTimeout(200);
    const found = (await page.evaluate("({ shift, shifted })")) as { shift: number; shifted: string[] };
    expect({ width, ...found, fine: found.shift <= 0.01 }).toMatchObject({ fine: true });
    await page.close();
  }
}, 60_000);

test("nothing scrolls sideways at 320 pixels", async () => {
  const page = await site.open("/mnist?epochs=1&batch=32&updates=off", { viewport: { width: 320, height: 700 } });
  await expectState(page, "Ready.");
  await page.click("#primary");
  await expectState(page, "Finished.");
  await page.click("summary:has-text('Show the plots')");
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(320);
  await page.close();
});

test("sizes, gzipped: beyond what the tutorial has loaded", () => {
  const assets = readdirSync(join(site.folder, "assets"));
  const size = (path: string): number => gzipSync(readFileSync(join(site.folder, path)), { level: 9 }).length;
  const [tutorial, mnist] = ["index.html", "mnist.html"].map((name) => readFileSync(join(site.folder, name), "utf8"));
  const own = assets.filter((name) => mnist.includes(`/assets/${name}`) && !tutorial.includes(`/assets/${name}`));
  const scripts = [
    ...own.filter((name) => name.endsWith(".js")),
    ...assets.filter((name) => name.startsWith("curve-")),
  ];
  const sum = (names: readonly string[]): number => names.reduce((total, name) => total + size(`assets/${name}`), 0);
  expect(scripts).toHaveLength(2);
  expect(sum(scripts)).toBeLessThan(15 * kilobyte);
  const styles = assets.filter((name) => name.endsWith(".css") && mnist.includes(`/assets/${name}`));
  expect(size("mnist.html") + sum(styles)).toBeLessThan(14 * kilobyte);
});
