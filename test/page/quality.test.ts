// The built page in Chromium: keyboard, accessibility, layout shift, sizes.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { expectState, PageUnderTest, run } from "../helpers/page.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const kilobyte = 1000;

let site: PageUnderTest;

beforeAll(async () => {
  site = await PageUnderTest.start();
}, 120_000);
afterAll(() => site?.end());
afterEach(() => site.checkLog());

describe("keyboard and screen reader", () => {
  test("a run from start to end without a pointer", async () => {
    const page = await site.open("/?pace=full");
    await expectState(page, "Ready.");
    await page.locator("[data-run=without] [data-node]").first().waitFor();
    const seen: string[] = [];
    const here = (): Promise<string> =>
      page.evaluate(
        `(() => { const e = document.activeElement; return e.id || e.name || e.dataset?.node || e.getAttribute("href") || e.className || e.tagName; })()`,
      );
    for (let i = 0; i < 10; i++) {
      await page.keyboard.press("Tab");
      seen.push(await here());
    }
    expect(seen).toEqual(["#main", "/", "/", "/mnist", "/runs", "theme", "host", "steps", "pace", "primary"]);
    await page.keyboard.press("Enter");
    await expectState(page, "Finished.");
    expect(await here()).toBe("primary");
    expect(await page.textContent("#status")).toBe(
      "Finished. With update ops: mean −18.42, variance 261.1. Without: still 0 and 1. One warning, BN001.",
    );
    await page.keyboard.press("Tab");
    expect(await here()).toBe("stop");
    // Into the first graph, along its edges.
    await page.keyboard.press("Tab");
    expect(await here()).toBe("input_node");
    await page.keyboard.press("ArrowDown");
    expect(await here()).toBe("conv_1");
    await page.keyboard.press("End");
    expect(await here()).toBe("train_op");
    await page.keyboard.press("Enter");
    await page.locator("[data-run=with] .facts-of h4", { hasText: /^train_op$/ }).waitFor();
    await page.keyboard.press("Escape");
    await page.waitForSelector("[data-run=with] .facts-of", { state: "hidden" });
    expect(await page.getAttribute("[data-run=without] [data-node='bn/AssignMovingAvg']", "aria-label")).toBe(
      "bn/AssignMovingAvg, AssignSub, never ran, in UPDATE_OPS, no control edge to train_op",
    );
    // The strip is a slider over the channels.
    await page.focus("[data-plot=mean] .strip");
    await page.keyboard.press("ArrowRight");
    const slider = "[data-plot=mean] .strip[aria-valuetext^='channel 1,']";
    await page.waitForSelector(slider);
    expect(await page.getAttribute(slider, "aria-valuetext")).toMatch(
      /^channel 1, moving mean −?[\d.]+, batch −?[\d.]+$/,
    );
    expect(await page.textContent("#channel")).toBe("1");
    await page.close();
  });

  test("Escape in the run panel stops", async () => {
    const page = await site.open();
    await expectState(page, "Ready.");
    await page.focus("#primary");
    await page.keyboard.press("Enter");
    await expectState(page, "Running. Step");
    await page.keyboard.press("Escape");
    await expectState(page, "Stopped at step");
    await page.close();
  });

  test.each(["light", "dark"] as const)("axe finds nothing, %s", async (colorScheme) => {
    const page = await site.open("/", { colorScheme, bypassCSP: true });
    const check = async (state: string): Promise<void> => {
      await page.evaluate(axe);
      const found = (await page.evaluate(
        `axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + " " + target + " " + failureSummary)))`,
      )) as string[];
      expect({ state, found }).toEqual({ state, found: [] });
    };
    await expectState(page, "Ready.");
    await page.locator("[data-run=without] [data-node]").first().waitFor();
    await check("ready");
    await page.click("#primary");
    await expectState(page, "Running.");
    await check("running");
    await page.click("#stop");
    await expectState(page, "Stopped");
    await page.click("#over");
    await expectState(page, "Finished.");
    await page.click("summary:has-text('Show the plots')");
    await page.click("summary:has-text('Graph as a list')");
    await page.click("[data-run=with] [data-node='bn/cond']");
    await page.click("text=Open its 32 nodes");
    await page.locator("[data-run=without] [data-node='bn/cond/Merge']").waitFor();
    await check("finished");
    const { edge } = site.server;
    site.server.edge = () => new Response("", { status: 503 });
    await page.check("[name=host][value=edge]");
    await page.click("#primary");
    await page.waitForSelector("#alert .problem");
    await check("error");
    site.server.edge = edge;
    site.forgive();
    await page.close();
  });

  test.each(["/mnist", "/runs", "/nowhere"])("axe finds nothing on %s", async (path) => {
    const page = await site.open(path, { bypassCSP: true });
    await page.evaluate(axe);
    const ids = await page.evaluate(`axe.run().then(({ violations }) => violations.map(({ id }) => id))`);
    expect(ids).toEqual([]);
    site.forgive(); // The browser logs the 404 of the page itself.
    await page.close();
  });
});

describe("budgets", () => {
  test("layout shift of a whole visit is at most 0.01", async () => {
    for (const [width, height] of [
      [1440, 900],
      [1024, 768],
      [390, 844],
    ]) {
      const page = await site.browser.newPage({ locale: "en-US", viewport: { width, height } });
      await page.addInitScript(
        `window.shift = 0; window.shifted = []; new PerformanceObserver((list) => { for (const entry of list.getEntries()) { window.shift += entry.value; window.shifted.push(...entry.sources.map(({ node }) => node?.id || node?.className || node?.nodeName)); } }).observe({ type: "layout-shift", buffered: true });`,
      );
      await page.goto(`${site.server.url}/?steps=30`);
      await expectState(page, "Ready.");
      await page.click("#primary");
      await expectState(page, "Finished.");
      for (const section of ["#graphs", "#statistics", "#result", "#numbers"]) {
        await page.locator(section).scrollIntoViewIfNeeded();
        await page.waitForTimeout(50);
      }
      const found = (await page.evaluate("({ shift, shifted })")) as { shift: number; shifted: string[] };
      expect({ width, ...found, fine: found.shift <= 0.01 }).toMatchObject({ fine: true });
      await page.close();
    }
  }, 60_000);

  test("nothing scrolls sideways at 320 pixels", async () => {
    const page = await site.open("/?pace=full", { viewport: { width: 320, height: 700 } });
    await run(page);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(320);
    await page.close();
  });

  test("nothing but the page's own origin is asked", async () => {
    const page = await site.browser.newPage({ locale: "en-US" });
    const others: string[] = [];
    page.on("request", (request) => {
      if (!request.url().startsWith(site.server.url) && !request.url().startsWith("blob:")) others.push(request.url());
    });
    await page.goto(`${site.server.url}/?pace=full`);
    await run(page);
    expect(others).toEqual([]);
    await page.close();
  });

  test("sizes, gzipped", () => {
    const assets = readdirSync(join(site.folder, "assets"));
    const size = (path: string): number => gzipSync(readFileSync(join(site.folder, path)), { level: 9 }).length;
    const html = readFileSync(join(site.folder, "index.html"), "utf8");
    const linked = assets.filter((name) => html.includes(`/assets/${name}`));
    const sum = (names: readonly string[]): number => names.reduce((total, name) => total + size(`assets/${name}`), 0);
    const styles = linked.filter((name) => name.endsWith(".css"));
    // The plots' script comes after the first paint; it counts all the same.
    const scripts = [
      ...linked.filter((name) => name.endsWith(".js")),
      ...assets.filter((name) => /^(plot|uPlot)[.-].*\.js$/.test(name)),
    ];
    expect(scripts.length).toBeGreaterThan(2);
    expect(size("index.html") + sum(styles)).toBeLessThan(14 * kilobyte);
    expect(sum(scripts) + size("theme.js")).toBeLessThan(66 * kilobyte);
    expect(sum(linked.filter((name) => name.endsWith(".png")))).toBeLessThan(22 * kilobyte);
    // Layout and kernels are fetched by the worker alone.
    expect(html).not.toMatch(/layout-|kernels-|worker-/);
  });
});
