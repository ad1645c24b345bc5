// Many sessions at once: a short form of `npm run test:load`. Times and memory are looked at there, not here.
import { expect, test } from "vitest";
import { startServer } from "../../scripts/server.ts";
import { flatness, runLoad, timesTable } from "./load.ts";

test(
  "twenty sessions at once: every request is answered, with the same bits in all of them",
  { timeout: 90_000 },
  async () => {
    const server = await startServer(0);
    try {
      const load = await runLoad({ url: server.url, sessions: 20, seconds: 3 });
      expect(load.errors).toEqual([]);
      expect(load.requests).toBeGreaterThan(100);
      expect(timesTable(load)).toContain("run train_op");
    } finally {
      await server.dispose();
    }
  },
);

test("flatness: what grows and what does not", () => {
  const line = (slope: number): number[] => Array.from({ length: 61 }, (_, i) => 200 + slope * i);
  expect(flatness(line(0), 10)).toEqual({ slope: 0, growth: 1 });
  expect(flatness(line(2), 10).slope).toBeCloseTo(2);
  expect(flatness(line(2), 10).growth).toBeCloseTo((200 + 2 * 58) / (200 + 2 * 12));
  // What happens before memory has settled does not count.
  expect(flatness([1000, 900, 100, 100, 100, 100, 100, 100], 2)).toEqual({ slope: 0, growth: 1 });
});
