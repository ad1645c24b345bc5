/** The page's tests: the page built into a folder of its own, served, and opened in Chromium. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { build } from "vite";
import { launchWithFonts } from "./pageBrowser.ts";
import { servePage, type PageServer } from "./pageServer.ts";

export class PageUnderTest {
  readonly folder: string;
  readonly server: PageServer;
  readonly browser: Browser;
  /** What browsers logged as wrong since it was last taken. */
  readonly #problems: string[] = [];

  private constructor(folder: string, server: PageServer, browser: Browser) {
    this.folder = folder;
    this.server = server;
    this.browser = browser;
  }

  static async start(): Promise<PageUnderTest> {
    const folder = await buildPage();
    const [server, browser] = await Promise.all([servePage(folder), launchWithFonts()]);
    return new PageUnderTest(folder, server, browser);
  }

  async end(): Promise<void> {
    await this.browser.close();
    await this.server.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async open(path = "/", options: BrowserContextOptions = {}, script = ""): Promise<Page> {
    const page = await this.browser.newPage({ locale: "en-US", viewport: { width: 1440, height: 900 }, ...options });
    page.setDefaultTimeout(10_000);
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.#problems.push(message.text());
    });
    page.on("pageerror", (error) => this.#problems.push(String(error)));
    if (script) await page.addInitScript(script);
    await page.goto(this.server.url + path);
    return page;
  }

  /** For tests in which the browser has reason to log. */
  forgive(): void {
    this.#problems.length = 0;
  }

  /** Throws what was logged. */
  checkLog(): void {
    const found = this.#problems.splice(0);
    if (found.length > 0) throw new Error(found.join("\n"));
  }
}

/** Builds the page into a new temporary folder. */
export async function buildPage(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "trainlet-page-"));
  await build({
    configFile: fileURLToPath(new URL("../../vite.config.ts", import.meta.url)),
    root: fileURLToPath(new URL("../../app", import.meta.url)),
    mode: "production",
    logLevel: "error",
    build: { outDir: folder },
  });
  return folder;
}

export async function expectState(page: Page, words: string | RegExp): Promise<void> {
  await page.locator("#state", { hasText: words }).waitFor({ timeout: 25_000 });
}

/** Presses Run and waits until everything is shown. */
export async function run(page: Page): Promise<void> {
  await expectState(page, "Ready.");
  await page.click("#primary");
  await expectState(page, "Finished.");
  await page.waitForSelector("#result canvas[aria-label*='after step']:visible");
}
