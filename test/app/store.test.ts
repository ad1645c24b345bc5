// Numbers, settings and results as the page handles them: nothing here needs a page.
import { describe, expect, test } from "vitest";
import { atMost, bytesOf, exact, fixed, percent, seconds, statistic, tickLabel } from "../../app/store/format.ts";
import { addBatch, createResults, csvOf, deviation, expectedAt, valueAt } from "../../app/store/results.ts";
import { defaults, fromQuery, toQuery } from "../../app/store/url.ts";

describe("numbers", () => {
  test.each([
    [0, "0"],
    [1, "1"],
    [-18.419578, "−18.42"],
    [261.11316, "261.1"],
    [0.0934, "0.09340"],
    [12345.6, "12346"],
    [-100, "−100.0"],
  ])("%f as a statistic is %s", (value, words) => expect(statistic(value)).toBe(words));

  test("all digits of a float32, and no more", () => {
    expect(exact(Math.fround(0.1))).toBe("0.1");
    expect(exact(Math.fround(-18.419578552246094))).toBe("−18.419579");
    expect(Math.fround(Number(exact(Math.fround(261.1131591796875))))).toBe(Math.fround(261.1131591796875));
  });

  test("a bound is rounded up to one digit", () => {
    expect([0, 0.000021, 0.0000096, 3.2].map(atMost)).toEqual(["0", "0.00003", "0.00001", "4"]);
  });

  test("ticks are short", () => {
    expect([0, -25, 0.2, 0.30000000000000004, 2000].map(tickLabel)).toEqual(["0", "−25", "0.2", "0.3", "2000"]);
  });

  test("the rest", () => {
    expect(fixed(-0.001, 2)).toBe("0.00");
    expect(percent(0.366)).toBe("36.6\u00a0%");
    expect([160, 4012].map(seconds)).toEqual(["0.16 s", "4.0 s"]);
    expect([8, 2048, 3 * 2 ** 20].map(bytesOf)).toEqual(["8 bytes", "2.0 KiB", "3.0 MiB"]);
  });
});

describe("settings in the URL", () => {
  const fallback = defaults(false);

  test("come back", () => {
    const shared = { host: "edge", steps: 250, pace: "full", channel: 7 } as const;
    expect(fromQuery(toQuery(shared, fallback), fallback)).toEqual(shared);
    expect(toQuery(fallback, fallback)).toBe("");
  });

  test.each([
    "?steps=0",
    "?steps=1001",
    "?steps=1.5",
    "?steps=",
    "?host=moon",
    "?pace=1",
    "?channel=32",
    "?channel=-1",
  ])("%s is ignored", (query) => expect(fromQuery(query, fallback)).toEqual(fallback));

  test("reduced motion does not wait", () => expect(defaults(true).pace).toBe("full"));
});

describe("results", () => {
  const row = (mean: number[]): Float32Array => Float32Array.from(mean);

  test("are kept by step, run and channel, and compared with what is expected", () => {
    const results = createResults("worker", 2, 2, 0.5);
    const nothing = { with: row([1, 1]), without: row([1, 1]) };
    addBatch(results, {
      from: 0,
      count: 1,
      mean: { with: row([0, 0]), without: row([0, 0]) },
      variance: nothing,
      batchStatistics: { mean: row([8, -4]), variance: row([1, 1]) },
    });
    addBatch(results, {
      from: 1,
      count: 2,
      mean: { with: row([4, -2, 6.25, -3]), without: row([0, 0, 0, 0]) },
      variance: { with: row([1, 1, 1, 1]), without: row([1, 1, 1, 1]) },
    });
    expect(results.done).toBe(2);
    expect(valueAt(results, "mean", "with", 1, 1)).toBe(-2);
    expect(expectedAt(results, "mean", 2, 0)).toBe(6);
    expect(deviation(results, "mean", 0)).toBe(0.25);
    expect(csvOf(results).split("\n")).toHaveLength(1 + 2 * 3 * 2 + 1);
    expect(csvOf(results)).toContain("\nwith,2,0,6.25,1\n");
  });
});
