// Takes pictures of the page: three widths, two themes, four states. A few are kept in docs/screenshots, all in build/screenshots.
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
const kept = new Set(["1440-light-finished", "1440-dark-finished", "390-light-finished"]);
const all = join(root, "build", "screenshots");
const docs = join(root, "docs", "screenshots");

type Theme = (typeof themes)[number];
type State = (typeof states)[number];

async function shoot(browser: Browser, server: PageServer, width: number, theme: Theme, state: State): Promise<void> {
  const page = await browser.newPage({
    viewport: { width, height: width < 760 ? 844 : 900 },
    colorScheme: theme,
    locale: "en-US",
    deviceScaleFactor: 1,
  });
  await page.goto(server.url);
  await stateIs(page, "Ready");
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
  const name = `${width}-${theme}-${state}`;
  await page.screenshot({ path: join(all, `${name}.png`), fullPage: state !== "running" });
  if (kept.has(name)) copyFileSync(join(all, `${name}.png`), join(docs, `${name}.png`));
  await page.close();
}

async function stateIs(page: Page, word: string): Promise<void> {
  await page.locator("#state", { hasText: new RegExp(`^${word}`) }).waitFor();
}

if (!existsSync(join(pageFolder, "index.html"))) {
  console.error("The page is not built. Run `npm run build` first.");
  process.exit(1);
}
const [width, theme, state] = process.argv.slice(2);
mkdirSync(all, { recursive: true });
mkdirSync(docs, { recursive: true });
const browser = await launchWithFonts();
try {
  for (const w of widths.filter((each) => !width || each === Number(width)))
    for (const t of themes.filter((each) => !theme || each === theme))
      for (const s of states.filter((each) => !state || each === state)) {
        const server = await servePage();
        await shoot(browser, server, w, t, s);
        await server.close();
        console.log(`${w} ${t} ${s}`);
      }
} finally {
  await browser.close();
}
