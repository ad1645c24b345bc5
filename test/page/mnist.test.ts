// The MNIST page in Chromium, with few digits: training on both hosts and across, drawing, the doctor, what can go wrong.
import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Page } from "playwright-core";
import { decodeSafetensors } from "../../src/formats/safetensors.ts";
import { writeFewDigits } from "../helpers/fewDigits.ts";
import { expectState, PageUnderTest } from "../helpers/page.ts";

/** 20 steps an epoch at batch 32. */
const [train, held] = [640, 500];

let site: PageUnderTest;
let edge: PageUnderTest["server"]["edge"];

beforeAll(async () => {
  site = await PageUnderTest.start();
  ({ edge } = site.server);
  writeFewDigits(join(site.folder, "digits"), train, held);
}, 120_000);
afterAll(() => site?.end());
afterEach(() => {
  site.server.edge = edge;
  site.checkLog();
});

const fact = (page: Page, name: string): Promise<string | null> => page.textContent(`#numbers [data-fact=${name}]`);

async function trained(page: Page): Promise<void> {
  await expectState(page, "Ready.");
  await page.click("#primary");
  await expectState(page, "Finished.");
}

/** The table's last row. */
async function lastRow(page: Page): Promise<string[]> {
  return page.locator("#table tbody tr:last-child > *").allTextContents();
}

async function checkpointOf(page: Page): Promise<{ readonly name: string; readonly hash: string }> {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#checkpoint")]);
  const { tensors } = decodeSafetensors(new Uint8Array(readFileSync(await download.path())));
  const sums = [...tensors].map(([name, { data }]) => `${name} ${[...data].join()}`).toSorted();
  return { name: download.suggestedFilename(), hash: sums.join("\n") };
}

describe("training", () => {
  test("on both hosts, and from one to the other: the same numbers, the same checkpoint", async () => {
    const seen: { [how: string]: { row: string[]; name: string; hash: string } } = {};
    for (const [how, path] of [
      ["here", "/mnist?epochs=2&batch=32"],
      ["edge", "/mnist?epochs=2&batch=32&host=edge"],
    ]) {
      const page = await site.open(path);
      await trained(page);
      expect(await page.textContent("#state")).toMatch(/^Finished\. 40 steps\.\d+\.\d.% of 10\u2009000 test digits/);
      expect(await fact(page, "host")).toBe(how === "here" ? "This browser's worker" : "The edge");
      seen[how] = { row: await lastRow(page), ...(await checkpointOf(page)) };
      await page.close();
    }
    const page = await site.open("/mnist?epochs=2&batch=32");
    await expectState(page, "Ready.");
    await page.click("#primary");
    await page.locator("#state", { hasText: /step ([5-9]|[1-3]\d) of 40/ }).waitFor();
    await page.click("#stop");
    await expectState(page, /^Stopped at step \d+ of 40\. Nothing is lost\.$/);
    await page.click("text=Continue at the edge");
    await expectState(page, "Finished. 40 steps.");
    expect(await fact(page, "host")).toBe("The edge");
    expect(new URL(page.url()).search).toBe("?host=edge&epochs=2&batch=32");
    seen.across = { row: await lastRow(page), ...(await checkpointOf(page)) };
    expect(seen.here.name).toBe("trainlet-mnist-step-40.safetensors");
    expect(seen.here.row[0]).toBe("40");
    expect(seen.edge).toEqual(seen.here);
    expect(seen.across).toEqual(seen.here);
    await page.close();
  }, 90_000);

  test("stopped and continued: every step is in the CSV once, and settings of another run begin anew", async () => {
    const page = await site.open("/mnist?epochs=2&batch=32");
    await expectState(page, "Ready.");
    await page.click("#primary");
    await page.locator("#state", { hasText: /Running, step [1-9]/ }).waitFor();
    expect(await page.getAttribute("[name=epochs]", "readonly")).toBe("");
    await page.click("#stop");
    await expectState(page, "Stopped at step");
    await page.click("#primary");
    await expectState(page, "Finished.");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#csv")]);
    const lines = readFileSync(await download.path(), "utf8")
      .trimEnd()
      .split("\n");
    expect(lines).toHaveLength(41);
    for (const [i, line] of lines.slice(1).entries()) expect(line).toMatch(new RegExp(`^${i + 1},\\d[^,]*,\\d[^,]*,`));
    await page.click("#primary");
    await page.locator("#state", { hasText: /Running, step [1-9]/ }).waitFor();
    await page.click("#stop");
    await expectState(page, "Stopped at step");
    await page.fill("[name=batch]", "16");
    await expectState(page, "Ready.");
    expect(await page.isHidden("#carry")).toBe(true);
    await page.close();
  }, 60_000);

  test("without the update ops the doctor says BN001, and the statistics stay", async () => {
    const page = await site.open("/mnist?epochs=1&batch=32&updates=off");
    await trained(page);
    expect(await page.textContent("#doctor")).toMatch(
      /^▲ BN001, error\. The batch-norm layers 'bn_1', 'bn_2' normalise/,
    );
    expect(await page.textContent("[data-layer=bn_2] figcaption p")).toBe(
      "0 updates, 100.0\u00a0% of the initial values left",
    );
    expect(await page.textContent("#status")).toMatch(/One finding, BN001\.$/);
    // The schedule has ended: it does not show the rate of the beginning.
    expect(Number(await fact(page, "rate"))).toBeLessThan(0.0001);
    await page.check("[name=updates][value=on]");
    await page.click("#primary");
    await page.locator("#doctor", { hasText: "Doctor: no finding." }).waitFor();
    await expectState(page, "Finished.");
    expect(await page.textContent("[data-layer=bn_1] figcaption p")).toMatch(/^20 updates, 81\.8/);
    await page.close();
  }, 60_000);

  test("settings come from the link, what is out of range does not stay", async () => {
    const page = await site.open("/mnist?epochs=7&batch=32&rate=0.01&updates=off&host=edge");
    await expectState(page, "Ready.");
    for (const [name, value] of [
      ["epochs", "7"],
      ["batch", "32"],
      ["rate", "0.01"],
    ])
      expect(await page.inputValue(`[name=${name}]`)).toBe(value);
    expect(await page.isChecked("[name=updates][value=off]")).toBe(true);
    expect(await page.isChecked("[name=host][value=edge]")).toBe(true);
    await page.fill("[name=epochs]", "500");
    await page.locator("[name=epochs]").blur();
    await expect.poll(() => page.inputValue("[name=epochs]")).toBe("7");
    await page.close();
  });
});

describe("a digit", () => {
  test("of the test set, by keyboard, before and behind training", async () => {
    const page = await site.open("/mnist?epochs=1&batch=32");
    await expectState(page, "Ready.");
    await page.focus("#use");
    await page.keyboard.press("7");
    await page.locator("#reading", { hasText: /^Looks like \d \(\d+\.\d.%\), untrained: expect noise\.$/ }).waitFor();
    expect(await page.getAttribute("#pad", "aria-label")).toMatch(/^Test digit \d+, a 7$/);
    await trained(page);
    await page.locator("#reading", { hasText: /model at step 20\.$/ }).waitFor();
    const first = await page.getAttribute("#pad", "aria-label");
    await page.keyboard.press("Tab");
    await page.focus("#use");
    await page.keyboard.press("7");
    await expect.poll(() => page.getAttribute("#pad", "aria-label")).not.toBe(first);
    const shares = await page.locator("#bars li .num").allTextContents();
    const sum = shares.reduce((total, share) => total + Number.parseFloat(share), 0);
    expect(Math.abs(sum - 100)).toBeLessThan(0.6);
    await page.click("#clear");
    await page.locator("#pad-empty", { hasText: "Draw here" }).waitFor();
    await page.locator("#bars li:last-child .num", { hasText: "–" }).waitFor();
    expect(await page.textContent("#reading")).toBe("");
    await page.close();
  }, 60_000);

  test("drawn with the pointer", async () => {
    const page = await site.open("/mnist");
    await expectState(page, "Ready.");
    const box = (await page.locator("#pad").boundingBox())!;
    await page.mouse.move(box.x + 140, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + 140, box.y + 240, { steps: 8 });
    await page.mouse.up();
    await page.locator("#reading", { hasText: /^Looks like/ }).waitFor();
    // A stroke, 22 pixels wide.
    const covered = await page.evaluate(
      `(() => { const { data } = document.querySelector("#pad").getContext("2d").getImageData(0, 140, 280, 1); return data.filter((value, i) => i % 4 === 3 && value > 127).length; })()`,
    );
    expect(covered).toBe(22);
    await page.close();
  });
});

describe("states", () => {
  test("the digits do not arrive, then they do: only what is missing is fetched again", async () => {
    const page = await site.open("/mnist?epochs=1&batch=32");
    const asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await expectState(page, "Ready.");
    const [file, hidden] = ["test-images.idx.gz", "hidden"].map((name) => join(site.folder, "digits", name));
    renameSync(file, hidden);
    await page.click("#primary");
    await page.locator("#alert", { hasText: /The digits did not arrive \(\d+ of 12 MB\)\./ }).waitFor();
    renameSync(hidden, file);
    asked.length = 0;
    await page.click("text=Try again");
    await expectState(page, "Finished.");
    expect(asked.filter((path) => path.startsWith("/digits/"))).toEqual([
      "/digits/test-images.idx.gz",
      "/digits/test-labels.idx.gz",
    ]);
    site.forgive(); // The browser logs the 404.
    await page.close();
  });

  test("the loss is not finite: what was trained stays, and goes on at a lower rate", async () => {
    const page = await site.open("/mnist?epochs=2&batch=32&host=edge");
    await expectState(page, "Ready.");
    let calls = 0;
    const detail =
      "The loss became NaN at step 2. Variables of step 1 are kept. Lower the learning rate, or set checkNumerics.";
    site.server.edge = (request) =>
      request.url.endsWith("/fit/steps") && ++calls > 1
        ? Response.json(
            { type: "urn:trainlet:InvalidArgumentError", title: "Invalid Argument", status: 400, detail },
            { status: 400, headers: { "content-type": "application/problem+json" } },
          )
        : edge!(request);
    await page.click("#primary");
    const alert = page.locator("#alert p", {
      hasText: /^✕ The loss became NaN at step 2\. Variables of step 1 are kept\.$/,
    });
    await alert.waitFor();
    expect((await lastRow(page))[0]).toBe("1");
    site.server.edge = edge;
    await page.click("text=Lower the rate to 0.0002 and continue");
    await expectState(page, "Finished. 40 steps.");
    expect(await page.inputValue("[name=rate]")).toBe("0.0002");
    expect(await page.isHidden("#alert .problem")).toBe(true);
    site.forgive(); // The browser logs the 400.
    await page.close();
  });

  test("the edge does not answer, then it does", async () => {
    const page = await site.open("/mnist?epochs=1&batch=32&host=edge");
    await expectState(page, "Ready.");
    await page.click("#primary");
    await page.locator("#state", { hasText: /Running, step [1-9]/ }).waitFor();
    site.server.edge = () => new Response("", { status: 503 });
    await page.locator("#alert", { hasText: "The edge does not answer. Trying again in" }).waitFor();
    site.server.edge = edge;
    await page.click("text=Try now");
    await expectState(page, "Finished. 20 steps.");
    site.forgive(); // The browser logs each 503.
    await page.close();
  });

  test("the edge cannot take the run over: this browser takes it back", async () => {
    const page = await site.open("/mnist?epochs=2&batch=32");
    await expectState(page, "Ready.");
    await page.click("#primary");
    await page.locator("#state", { hasText: /Running, step [1-9]/ }).waitFor();
    await page.click("#stop");
    await expectState(page, "Stopped at step");
    site.server.edge = () => new Response("", { status: 401 });
    await page.click("text=Continue at the edge");
    await page.locator("#alert", { hasText: "This token may not do that." }).waitFor();
    expect(await fact(page, "host")).toBe("This browser's worker");
    await page.click("#alert >> text=Continue in this browser");
    await expectState(page, "Finished. 40 steps.");
    expect((await lastRow(page))[0]).toBe("40");
    site.server.edge = edge;
    site.forgive();
    await page.close();
  });

  test("the session is lost: what arrived can be saved, a new one starts", async () => {
    const page = await site.open("/mnist?epochs=3&batch=32&host=edge");
    await expectState(page, "Ready.");
    await page.click("#primary");
    await page.locator("#state", { hasText: /Running, step [1-9]/ }).waitFor();
    site.server.edge = () =>
      Response.json(
        { type: "urn:trainlet:NotFoundError", title: "Not Found", status: 404, detail: "There is no session 'x'." },
        { status: 404, headers: { "content-type": "application/problem+json" } },
      );
    await page.locator("#alert", { hasText: "This session no longer exists at the edge." }).waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#alert >> text=Save what")]);
    expect(download.suggestedFilename()).toMatch(/^trainlet-mnist-step-\d+\.csv$/);
    site.server.edge = edge;
    await page.click("text=Start a new one");
    await expectState(page, "Running, step");
    site.forgive();
    await page.close();
  });

  test("the worker dies: results stay, a new one starts", async () => {
    const page = await site.open(
      "/mnist?epochs=1&batch=32",
      {},
      "const Real = Worker; window.Worker = class extends Real { constructor(...args) { super(...args); window.lastWorker = this; } };",
    );
    await expectState(page, "Ready.");
    await page.click("#primary");
    await page.locator("#state", { hasText: /Running, step [1-9]/ }).waitFor();
    await page.evaluate("lastWorker.dispatchEvent(new ErrorEvent('error', { message: 'gone' }))");
    await page.locator("#alert", { hasText: "The worker stopped unexpectedly at step" }).waitFor();
    expect(await lastRow(page)).not.toEqual([]);
    await page.click("text=Restart");
    await expectState(page, "Finished.");
    await page.close();
  });

  test("no SIMD: the edge is offered", async () => {
    const page = await site.open("/mnist?epochs=1&batch=32", {}, "WebAssembly.validate = () => false;");
    await expectState(page, "Ready.");
    await page.click("#primary");
    await page.locator("#alert", { hasText: "This browser cannot run WebAssembly SIMD." }).waitFor();
    await page.click("text=Run at the edge");
    await expectState(page, "Finished. 20 steps.");
    await page.close();
  });
});
