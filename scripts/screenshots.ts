// Takes pictures of the pages: three widths, two themes, their states. A few are kept in docs/screenshots, all in build/screenshots.
// `node scripts/screenshots.ts [width] [theme] [state]` takes some of them.
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { launchWithFonts } from "../test/helpers/pageBrowser.ts";
import { servePage, pageFolder, type PageServer } from "../test/helpers/pageServer.ts";
import { root } from "./tools.ts";

const widths = [1440, 1024, 390];
const themes = ["light", "dark"] as const;
const states = ["ready", "running", "finished", "error"] as const;
const mnistStates = ["mnist-ready", "mnist-running", "mnist-finished", "mnist-without", "mnist-error"] as const;
const kept = new Set([
  "1440-light-finished",
  "1440-dark-finished",
  "390-light-finished",
  "1440-light-mnist-finished",
  "1440-dark-mnist-without",
  "390-light-mnist-finished",
]);
const all = join(root, "build", "screenshots");
const docs = join(root, "docs", "screenshots");

type Theme = (typeof themes)[number];
type State = (typeof states)[number];
type MnistState = (typeof mnistStates)[number];

async function open(browser: Browser, url: string, width: number, theme: Theme): Promise<Page> {
  const page = await browser.newPage({
    viewport: { width, height: width < 760 ? 844 : 900 },
    colorScheme: theme,
    locale: "en-US",
    deviceScaleFactor: 1,
  });
  await page.goto(url);
  await stateIs(page, "Ready");
  return page;
}

async function save(page: Page, name: string, fullPage: boolean): Promise<void> {
  await page.screenshot({ path: join(all, `${name}.png`), fullPage });
  if (kept.has(name)) copyFileSync(join(all, `${name}.png`), join(docs, `${name}.png`));
  await page.close();
}

async function shoot(browser: Browser, server: PageServer, width: number, theme: Theme, state: State): Promise<void> {
  const page = await open(browser, server.url, width, theme);
  if (state === "running") {
    await page.click("#primary");
    await page.locator("#state", { hasText: /Step [4-9]\d of/ }).waitFor();
  }
  if (state === "finished" || state === "error") {
    if (state === "error") await page.check("[name=pace][value=full]");
    await page.click("#primary");
    await stateIs(page, "Finished");
  }
  if (state === "error") {
    server.edge = null;
    await page.check("[name=host][value=edge]");
    await page.click("#primary");
    await page.waitForSelector("#alert .problem");
  }
  // Maps and summaries follow within a few frames.
  if (state !== "running") await page.waitForTimeout(300);
  await save(page, `${width}-${theme}-${state}`, state !== "running");
}

/** One epoch is enough to see how it ends. */
async function shootMnist(
  browser: Browser,
  server: PageServer,
  width: number,
  theme: Theme,
  state: MnistState,
): Promise<void> {
  const query = state === "mnist-without" ? "?epochs=1&updates=off" : "?epochs=1";
  const page = await open(browser, `${server.url}/mnist${query}`, width, theme);
  if (state !== "mnist-ready") await page.click("#primary");
  if (state === "mnist-running" || state === "mnist-error")
    await page.locator("#state", { hasText: /step [1-9]\d\d of/ }).waitFor({ timeout: 60_000 });
  if (state === "mnist-finished" || state === "mnist-without") {
    await page.locator("#state", { hasText: "Finished" }).waitFor({ timeout: 240_000 });
    await page.focus("#use");
    await page.keyboard.press("4");
    await page.locator("#reading", { hasText: "Looks like" }).waitFor();
    await page.evaluate("scrollTo(0, 0)");
  }
  if (state === "mnist-error") {
    await page.click("#stop");
    await stateIs(page, "Stopped");
    server.edge = () => new Response("", { status: 401 });
    await page.click("#carry");
    await page.waitForSelector("#alert .problem");
  }
  if (state !== "mnist-running") await page.waitForTimeout(300);
  await save(page, `${width}-${theme}-${state}`, state !== "mnist-running");
}

async function stateIs(page: Page, word: string): Promise<void> {
  await page.locator("#state", { hasText: new RegExp(`^${word}`) }).waitFor();
}

if (!existsSync(join(pageFolder, "index.html"))) {
  console.error("The page is not built. Run `npm run build` first.");
  process.exit(1);
}
const [width, theme, state] = process.argv.slice(2);
const chosen = (each: string): boolean => !state || each === state;
mkdirSync(all, { recursive: true });
mkdirSync(docs, { recursive: true });
const browser = await launchWithFonts();
try {
  for (const w of widths.filter((each) => !width || each === Number(width)))
    for (const t of themes.filter((each) => !theme || each === theme))
      for (const [name, take] of [
        ...states.filter(chosen).map((s) => [s, (server: PageServer) => shoot(browser, server, w, t, s)] as const),
        ...mnistStates
          .filter(chosen)
          .map((s) => [s, (server: PageServer) => shootMnist(browser, server, w, t, s)] as const),
      ]) {
        const server = await servePage();
        await take(server);
        await server.close();
        console.log(`${w} ${t} ${name}`);
      }
} finally {
  await browser.close();
}
