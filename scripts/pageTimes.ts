// Measures the built page in Chromium: paints, long tasks and frames while it trains, how fast Stop answers, heap growth.
// Speeds depend on the machine: this script reports, and no test asserts them.
import type { Browser, Page } from "playwright-core";
import { launchWithFonts } from "../test/helpers/pageBrowser.ts";
import { servePage } from "../test/helpers/pageServer.ts";

const observe = `
window.seen = { paint: {}, largest: 0, shift: 0, tasks: [], frames: [] };
new PerformanceObserver((l) => { for (const e of l.getEntries()) seen.paint[e.name] = e.startTime; }).observe({ type: "paint", buffered: true });
new PerformanceObserver((l) => { for (const e of l.getEntries()) seen.largest = e.startTime; }).observe({ type: "largest-contentful-paint", buffered: true });
new PerformanceObserver((l) => { for (const e of l.getEntries()) seen.shift += e.value; }).observe({ type: "layout-shift", buffered: true });
new PerformanceObserver((l) => { for (const e of l.getEntries()) seen.tasks.push(Math.round(e.duration)); }).observe({ type: "longtask", buffered: true });
(function frame(last) { requestAnimationFrame((now) => { if (last) seen.frames.push(now - last); frame(now); }); })(0);
`;

interface Seen {
  readonly paint: { readonly [name: string]: number };
  readonly largest: number;
  readonly shift: number;
  readonly tasks: readonly number[];
  readonly frames: readonly number[];
}

async function open(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage({ locale: "en-US", viewport: { width: 1440, height: 900 } });
  await page.addInitScript(observe);
  await page.goto(url);
  await state(page, "Ready.");
  return page;
}

const state = (page: Page, words: string | RegExp): Promise<void> =>
  page.locator("#state", { hasText: words }).waitFor({ timeout: 120_000 });

const seenBy = (page: Page): Promise<Seen> => page.evaluate("seen");

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;
}

/** From the click on Stop to the page saying so. */
function stopTime(page: Page): Promise<number> {
  return page.evaluate(`new Promise((resolve) => {
    const begin = performance.now();
    new MutationObserver(() => { if (document.querySelector("#state").textContent.startsWith("Stopped")) resolve(performance.now() - begin); }).observe(document.querySelector("#state"), { childList: true, subtree: true });
    document.querySelector("#stop").click();
  })`);
}

const ms = (value: number): string => `${value.toFixed(1)} ms`;

const server = await servePage();
const browser = await launchWithFonts();
try {
  const page = await open(browser, server.url);
  await page.waitForTimeout(500);
  const loaded = await seenBy(page);
  console.log(`first paint ${ms(loaded.paint["first-contentful-paint"])}, largest ${ms(loaded.largest)}`);
  console.log(`long tasks while loading: ${loaded.tasks.length} (${loaded.tasks.join(", ")})`);
  await page.close();

  for (const [name, query] of [
    ["100 steps, watch", ""],
    ["1000 steps, full speed", "?pace=full&steps=1000"],
    ["100 steps at the edge, watch", "?host=edge"],
  ]) {
    const page = await open(browser, `${server.url}/${query}`);
    await page.waitForTimeout(500);
    await page.evaluate("seen.tasks.length = seen.frames.length = 0");
    await page.click("#primary");
    await state(page, "Finished.");
    const { tasks, frames, shift } = await seenBy(page);
    console.log(
      `${name}: long tasks ${tasks.length} (${tasks.join(", ")}), frames p50 ${ms(quantile(frames, 0.5))}, p95 ${ms(quantile(frames, 0.95))}, longest ${ms(quantile(frames, 1))}, shift ${shift.toFixed(4)}`,
    );
    console.log(`  ${await page.textContent("#state")}`);
    await page.close();
  }

  for (const [name, query] of [
    ["MNIST, batches of 64", ""],
    ["MNIST, batches of 8: many small steps", "?batch=8"],
  ]) {
    const page = await open(browser, `${server.url}/mnist${query}`);
    const client = await page.context().newCDPSession(page);
    await client.send("Performance.enable", { timeDomain: "threadTicks" });
    /** Seconds that tasks of the main thread have taken of a processor. */
    const busy = async (): Promise<number> => {
      const { metrics } = await client.send("Performance.getMetrics");
      return metrics.find(({ name: metric }) => metric === "TaskDuration")!.value;
    };
    await page.click("#primary");
    await state(page, /step \d/);
    await page.evaluate("seen.tasks.length = seen.frames.length = 0");
    const [before, seconds] = [await busy(), 20];
    await page.waitForTimeout(1000 * seconds);
    const share = ((await busy()) - before) / seconds;
    const { tasks, frames } = await seenBy(page);
    console.log(
      `${name}: long tasks ${tasks.length} (${tasks.join(", ")}), frames p50 ${ms(quantile(frames, 0.5))}, p95 ${ms(quantile(frames, 0.95))}, longest ${ms(quantile(frames, 1))}, main thread busy ${(100 * share).toFixed(1)} %`,
    );
    console.log(`  ${await page.textContent("#state")}`);
    console.log(`  Stop answered within ${ms(await stopTime(page))}`);
    await page.close();
  }

  {
    const page = await open(browser, `${server.url}/?steps=1000`);
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      await page.click("#primary");
      await state(page, /Running\. Step [1-9]/);
      waits.push(await stopTime(page));
    }
    console.log(`Stop answered within ${waits.map(ms).join(", ")}`);
    await page.close();
  }

  {
    const page = await open(browser, `${server.url}/?steps=1000&pace=full`);
    const client = await page.context().newCDPSession(page);
    const heap = async (): Promise<number> => {
      await client.send("HeapProfiler.collectGarbage");
      return ((await client.send("Runtime.getHeapUsage")) as { usedSize: number }).usedSize;
    };
    await page.click("#primary");
    await state(page, "Finished.");
    const before = await heap();
    await page.click("#primary");
    await state(page, "Running.");
    await state(page, "Finished.");
    console.log(`heap after another 1000 steps: ${(((await heap()) - before) / 2 ** 20).toFixed(2)} MiB more`);
    await page.close();
  }
} finally {
  await browser.close();
  await server.close();
}
