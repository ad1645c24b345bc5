// The built page in Chromium, served with its own headers: both hosts, the numbers, settings, what can go wrong.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Page } from "playwright-core";
import { nodeBits } from "../../app/compute/expected.ts";
import { expectState, PageUnderTest, run } from "../helpers/page.ts";

let site: PageUnderTest;

beforeAll(async () => {
  site = await PageUnderTest.start();
}, 120_000);
afterAll(() => site?.end());
afterEach(() => site.checkLog());

const fact = (page: Page, name: string): Promise<string | null> => page.textContent(`#numbers [data-fact=${name}]`);
const key = (page: Page, of: string, name: string): Promise<string | null> =>
  page.textContent(`[data-run=${of}] [data-key=${name}]`);

describe("both experiments", () => {
  test.each([
    ["in this browser", "/?pace=full", "the same in Node"],
    ["at the edge", "/?pace=full&host=edge", "the same in Node"],
  ])("%s: Node's numbers, Node's bits", async (_, path, comparison) => {
    const page = await site.open(path);
    await run(page);
    expect(await fact(page, "bits")).toBe(nodeBits.bits);
    expect(await fact(page, "bits-more")).toBe(comparison);
    expect([await key(page, "with", "mean"), await key(page, "with", "variance")]).toEqual(["−18.42", "261.1"]);
    expect([await key(page, "without", "mean"), await key(page, "without", "variance")]).toEqual(["0", "1"]);
    expect([await key(page, "with", "updates"), await key(page, "without", "updates")]).toEqual(["100", "0"]);
    await page.click("summary:has-text('Show the plots')");
    expect(await page.textContent("#numbers tbody tr:last-child")).toBe("100−18.4195790261.1132136.6\u00a0%");
    expect(await page.textContent("[data-run=without] .foot b")).toBe("▲ BN001, warning.");
    expect(await page.textContent("[data-run=with] .foot b")).toBe("Doctor: no finding.");
    await page.close();
  });

  test("one after the other: the bits are compared", async () => {
    const page = await site.open("/?pace=full&steps=20");
    await run(page);
    expect(await fact(page, "bits-more")).toBe("of net, mean and variance, both runs");
    await page.check("[name=host][value=edge]");
    await page.click("#primary");
    await page.locator("#numbers", { hasText: "the same in this browser" }).waitFor();
    expect(page.url()).toContain("steps=20");
    expect(page.url()).toContain("host=edge");
    await page.close();
  });

  test("stop, continue, start over", async () => {
    const page = await site.open();
    await expectState(page, "Ready.");
    await page.click("#primary");
    await page.locator("#state", { hasText: /Step \d\d of/ }).waitFor();
    await page.click("#stop");
    await expectState(page, "Stopped at step");
    const stopped = Number(await page.getAttribute("#bar", "aria-valuenow"));
    expect(stopped).toBeLessThan(100);
    expect(await key(page, "with", "updates")).toBe(String(stopped));
    await page.check("[name=pace][value=full]");
    await page.click("#primary");
    await expectState(page, "Finished.");
    expect(await fact(page, "bits")).toBe(nodeBits.bits);
    await page.close();
  });

  test("the slider replays; values of a step are that step's", async () => {
    const page = await site.open("/?pace=full");
    await run(page);
    await page.focus("#step");
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowRight");
    await page.locator("[data-run=with] [data-key=updates]", { hasText: /^1$/ }).waitFor();
    expect(await key(page, "with", "mean")).toBe("−0.2905");
    await page.keyboard.press("End");
    await page.locator("[data-run=with] [data-key=mean]", { hasText: "−18.42" }).waitFor();
    await page.close();
  });
});

describe("settings", () => {
  test("a link restores them and starts nothing", async () => {
    const page = await site.open("/?host=edge&steps=7&pace=full&channel=5");
    await expectState(page, "Ready. 7 steps in both runs.");
    expect(await page.isChecked("[name=host][value=edge]")).toBe(true);
    expect(await page.isChecked("[name=pace][value=full]")).toBe(true);
    expect(await page.textContent("#channel")).toBe("5");
    await page.fill("[name=steps]", "12");
    await expectState(page, "Ready. 12 steps");
    expect(new URL(page.url()).search).toBe("?host=edge&steps=12&pace=full&channel=5");
    await page.close();
  });

  test("the theme's button is remembered", async () => {
    const page = await site.open("/", { colorScheme: "light" });
    const ground = (): Promise<string> => page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
    expect(await ground()).toBe("rgb(246, 245, 241)");
    await page.click("#theme");
    expect(await ground()).toBe("rgb(16, 18, 20)");
    await page.goto(`${site.server.url}/mnist`);
    expect(await ground()).toBe("rgb(16, 18, 20)");
    expect(await page.getAttribute("#theme", "aria-label")).toBe("Switch to light theme");
    await page.close();
  });

  test("reduced motion does not wait", async () => {
    const page = await site.open("/", { reducedMotion: "reduce" });
    expect(await page.isChecked("[name=pace][value=full]")).toBe(true);
    await run(page);
    await page.close();
  });

  test("the cell in focus says all its digits", async () => {
    const page = await site.open("/?pace=full&steps=3");
    await run(page);
    await page.focus("[data-result=with] td");
    await page.keyboard.press("ArrowRight");
    const title = await page.getAttribute("[data-result=with] td:nth-child(2)", "title");
    expect(await page.textContent("[data-result=with] caption")).toBe(`result[0, 22:28, 22:28, 0] = ${title}`);
    await page.close();
  });
});

describe("all nodes", () => {
  const names = (page: Page, of: string): Promise<string[]> =>
    page.locator(`[data-run=${of}] [data-node]`).evaluateAll((nodes) => nodes.map((node) => node.dataset.node!));

  test("open scope by scope in both pictures, and close again", async () => {
    const page = await site.open("/?pace=full&steps=5");
    await run(page);
    const toggle = page.locator("#all-nodes > button");
    await toggle.click();
    expect(await toggle.textContent()).toBe("Show 9 nodes");
    await page.waitForSelector("[data-run=with] [data-node='not needed for training']");
    const scope = page.locator("#all-nodes", { hasText: "conv_1" }).getByText("conv_1 (16)");
    await scope.focus();
    await page.keyboard.press("Enter");
    await page.waitForSelector("[data-run=without] [data-node='conv_1/Conv2D']");
    expect(await scope.getAttribute("aria-pressed")).toBe("true");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("conv_1 (16)");
    expect((await names(page, "with")).toSorted()).toEqual((await names(page, "without")).toSorted());
    // Live values are there, and names can be read: the picture scrolls, it does not shrink.
    expect(await page.textContent("[data-run=with] [data-node='bn/moving_mean'] .sub")).not.toBe("variable");
    const scale = await page.evaluate(`document.querySelector("[data-run=with] .picture svg").getScreenCTM().a`);
    expect(scale).toBe(1);
    // One is open at a time; a node's details open it, too.
    await page.click("[data-run=with] [data-node='bn/AssignMovingAvg']");
    await page.click("[data-run=with] .facts-of >> text=Open its 5 nodes");
    await page.waitForSelector("[data-run=with] [data-node='bn/AssignMovingAvg/sub_1']");
    expect(await names(page, "with")).not.toContain("conv_1/Conv2D");
    await toggle.click();
    await page.waitForSelector("[data-run=without] [data-node='bn/AssignMovingAvg/sub_1']", { state: "detached" });
    expect(await names(page, "without")).toHaveLength(9);
    await page.close();
  });
});

describe("states", () => {
  test("no SIMD: the graph works, the edge is offered", async () => {
    const page = await site.open("/?pace=full&steps=5", {}, "WebAssembly.validate = () => false;");
    await page.locator("#alert", { hasText: "This browser cannot run WebAssembly SIMD." }).waitFor();
    await page.locator("[data-run=without] [data-node]").first().waitFor();
    await page.click("text=Run at the edge");
    await expectState(page, "Finished. 5 of 5");
    await page.close();
  });

  test("the worker dies: results stay, a new one starts", async () => {
    // Ends the page's worker as the browser would: silently, in the middle.
    const page = await site.open(
      "/",
      {},
      "const Real = Worker; window.Worker = class extends Real { constructor(...args) { super(...args); window.lastWorker = this; } };",
    );
    await expectState(page, "Ready.");
    await page.click("#primary");
    await page.locator("#state", { hasText: /Step \d\d of/ }).waitFor();
    await page.evaluate("lastWorker.terminate()");
    await page.locator("#alert", { hasText: "The worker stopped unexpectedly at step" }).waitFor({ timeout: 15_000 });
    expect(await key(page, "with", "updates")).not.toBe("0");
    await page.click("text=Restart");
    await expectState(page, "Running. Step");
    await page.close();
  }, 40_000);

  test("the edge does not answer, then it does", async () => {
    const page = await site.open("/?pace=full&host=edge&steps=5");
    await expectState(page, "Ready.");
    const { edge } = site.server;
    site.server.edge = () => new Response("", { status: 503 });
    await page.click("#primary");
    await page.locator("#alert", { hasText: "The edge does not answer. Trying again in" }).waitFor();
    site.server.edge = edge;
    await page.click("text=Try now");
    await expectState(page, "Finished. 5 of 5");
    site.forgive(); // The browser logs each 503.
    await page.close();
  });

  test("the session is lost: what arrived can be saved", async () => {
    const page = await site.open("/?host=edge");
    await expectState(page, "Ready.");
    const { edge } = site.server;
    await page.click("#primary");
    await expectState(page, "Running. Step");
    site.server.edge = () =>
      Response.json(
        { type: "urn:trainlet:NotFoundError", title: "Not Found", status: 404, detail: "There is no session 'x'." },
        { status: 404, headers: { "content-type": "application/problem+json" } },
      );
    await page.locator("#alert", { hasText: "This session no longer exists at the edge." }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.click("#alert >> text=Save what arrived"),
    ]);
    expect(download.suggestedFilename()).toMatch(/^trainlet-tutorial-step-\d+\.csv$/);
    site.server.edge = edge;
    await page.click("text=Start a new one");
    await expectState(page, "Running. Step");
    site.forgive();
    await page.close();
  });

  test("the edge wants a token: it is asked for, and sent", async () => {
    const page = await site.open("/?pace=full&host=edge&steps=5");
    await expectState(page, "Ready.");
    const { edge } = site.server;
    site.server.edge = (request) =>
      request.headers.get("authorization") === "Bearer secret" ? edge!(request) : new Response("", { status: 401 });
    await page.click("#primary");
    await page.locator("#alert", { hasText: "This token may not do that. Write access is needed." }).waitFor();
    await page.fill("#alert [type=password]", "secret");
    await page.click("text=Change token");
    await expectState(page, "Finished. 5 of 5");
    site.server.edge = edge;
    site.forgive();
    await page.close();
  });

  test("out of memory: the library's figures", async () => {
    const page = await site.open("/?pace=full&host=edge&steps=5");
    await expectState(page, "Ready.");
    const { edge } = site.server;
    const detail =
      "This step needs 143.2 MiB of tensor memory, the limit is 64.0 MiB (largest: 'block1/conv:0' [256,28,28,64] float32, 49.0 MiB). Feed a smaller batch or raise maxMemoryBytes.";
    site.server.edge = () =>
      Response.json(
        { type: "urn:trainlet:ResourceExhaustedError", title: "Resource Exhausted", status: 413, detail },
        { status: 413, headers: { "content-type": "application/problem+json" } },
      );
    await page.click("#primary");
    await page.waitForSelector("#alert .problem");
    expect(await page.textContent("#alert p")).toBe(
      "✕ This step needs 143.2 MiB, the limit is 64.0 MiB. Largest: block1/conv:0, 49.0 MiB.",
    );
    site.server.edge = edge;
    site.forgive();
    await page.close();
  });
});
