// SIGKILL at random moments of the experiment. A short form; `npm run test:hostile` kills fifty times.
import { expect, test } from "vitest";
import { canKill } from "./killableServer.ts";
import { killAtRandom } from "./kills.ts";

const kills = Number(process.env.TRAINLET_KILLS ?? 5);
const seed = Number(process.env.TRAINLET_SEED ?? 20191001);

test.runIf(canKill)(
  `killed ${kills} times (seed ${seed}): every answered request is there after the restart, no half-written one`,
  { timeout: 60_000 + 10_000 * kills },
  async () => {
    expect(await killAtRandom(kills, seed)).toHaveLength(kills);
  },
);
