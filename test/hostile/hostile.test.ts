// Mutated requests to a running Worker: a short form of `npm run test:hostile`, which sends 20,000.
import { expect, test } from "vitest";
import { startServer } from "../../scripts/server.ts";
import { runCampaign } from "./campaign.ts";

const count = 600;
const seed = Number(process.env.TRAINLET_SEED ?? 20191001);

test(
  `${count} mutated requests (seed ${seed}): no 5xx, no hang, other sessions untouched`,
  { timeout: 120_000 },
  async () => {
    const server = await startServer(0, { logLevel: "none" });
    try {
      const { crashed, findings, pastParsing, table, sent } = await runCampaign({ port: server.port, count, seed });
      expect(findings.map(({ what, first, shown }) => ({ what, case: first, answer: shown.answer }))).toEqual([]);
      expect(crashed, "workerd has crashed").toBe(false);
      expect(sent).toBe(count);
      expect(pastParsing, table).toBeGreaterThan(0.2);
    } finally {
      await server.dispose();
    }
  },
);
