// Many sessions at once: a short form of `npm run test:load`. Times and memory are looked at there, not here.
import { expect, test } from "vitest";
import { startServer } from "../../scripts/server.ts";
import { flatness, runLoad, timesTable } from "./load.ts";

test(
  "twenty sessions at once: every request is answered, with the same bits in all of them",
  { timeout: 90_000 },
  async () => {
    const server = await startServer(0, { small: true });
    try {
      const load = await runLoad({ url: server.url, sessions: 20, seconds: 3 });
      expect(load.errors).toEqual([]);
      // However slow the machine: each session is made, initialised and closed.
      expect(load.requests).toBeGreaterThanOrEqual(60);
      expect(timesTable(load)).toMatch(/create[^]*run init[^]*close/);
    } finally {
      await server.dispose();
    }
  },
);

test("flatness: what grows and what does not", () => {
  const line = (slope: number): number[] => Array.from({ length: 61 }, (_, i) => 200 + slope * i);
  expect(flatness(line(0), 10)).toEqual({ slope: 0, rise: 0 });
  expect(flatness(line(2), 10).slope).toBeCloseTo(2);
  // From 220 to 320 MiB, with a mean of 270.
  expect(flatness(line(2), 10).rise).toBeCloseTo(100 / 270);
  expect(flatness(line(-2), 10).rise).toBeLessThan(0);
  // What happens before memory has settled does not count.
  expect(flatness([1000, 900, 100, 100, 100, 100], 2)).toEqual({ slope: 0, rise: 0 });
});
