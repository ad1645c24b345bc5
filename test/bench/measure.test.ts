/** bench/measure.ts: rounds that alternate, medians, and that nothing is timed before both sides agree. */
import { describe, expect, test } from "vitest";
import { apart, checkAgreement, contender, quantile, race, sum, timing, type Contender } from "../../bench/measure.ts";

/** Takes `msOf(round)` milliseconds a step, by its own account, and writes down when it was asked. */
function scripted(name: string, msOf: (round: number) => number, log: string[]): Contender {
  let rounds = 0;
  return {
    name,
    round(steps) {
      log.push(`${name}${steps}`);
      return steps * msOf(rounds++);
    },
  };
}

describe("race", () => {
  test("rounds alternate, another contender starts each", async () => {
    const log: string[] = [];
    const [a, b] = await race([scripted("a", () => 10, log), scripted("b", () => 10, log)], {
      rounds: 4,
      roundMs: 10,
      warmUpMs: 10,
    });
    expect(log.join(" ")).toBe("a1 b1 a1 b1 b1 a1 a1 b1 b1 a1");
    expect([a.name, a.ms, a.rounds.length, b.rounds.length]).toEqual(["a", 10, 4, 4]);
  });

  test("the warm-up ends after its time and chooses as many steps as fill a round", async () => {
    const log: string[] = [];
    const [one] = await race([scripted("a", () => 1, log)], { rounds: 1, roundMs: 8, warmUpMs: 20 });
    // 1 + 2 + 4 ms, then rounds of 4 steps, half of a round's time, until 20 ms are over; then 8 steps fill a round.
    expect(log).toEqual(["a1", "a2", "a4", "a4", "a4", "a4", "a4", "a8"]);
    expect(one.ms).toBe(1);
  });

  test("what is reported is the median: a few disturbed rounds do not count", async () => {
    const times = [5, 5, 500, 5, 6, 4, 700];
    const [one] = await race([scripted("a", (round) => times[round - 1] ?? 5, [])], {
      rounds: 7,
      roundMs: 5,
      warmUpMs: 5,
    });
    expect([one.ms, one.rounds]).toEqual([5, times]);
  });

  test("a contender of this process runs its step as often as it is told", async () => {
    let steps = 0;
    const one = contender("a", async () => void steps++);
    expect(await one.round(7)).toBeGreaterThanOrEqual(0);
    expect(steps).toBe(7);
  });
});

test("quantiles interpolate, sums go round by round", () => {
  expect([quantile([3, 1, 2], 0.5), quantile([1, 2, 3, 4], 0.5), quantile([10, 20], 0.1), quantile([7], 0.9)]).toEqual([
    2, 2.5, 11, 7,
  ]);
  expect(sum(timing("a", [1, 2, 9]), timing("b", [10, 20, 30]))).toEqual({ name: "a", ms: 22, rounds: [11, 22, 39] });
});

describe("agreement", () => {
  test("is relative to the largest number, and knows no agreement with NaN or another length", () => {
    expect(apart([1, -10, 3], [1, -10, 3.5])).toBe(0.05);
    expect(apart([1, 2], [1, NaN])).toBeNaN();
    expect(apart([1, 2], [1])).toBe(Infinity);
  });

  test("fails with both figures", () => {
    expect(() => checkAgreement("x", [10, 20], [10, 20.00001], 1e-4)).not.toThrow();
    for (const [theirs, figure] of [
      [[10, 21], "0.05"],
      [[10, NaN], "NaN"],
      [[10], "Infinity"],
    ] as const) {
      expect(() => checkAgreement("dW of a and b", [10, 20], theirs, 1e-4)).toThrow(
        `dW of a and b: the results are ${figure} apart, relative to the largest; 0.0001 is allowed.`,
      );
    }
  });
});
