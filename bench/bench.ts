// npm run bench: trainlet and its peers side by side. --quick measures less, --json prints rows for programs.
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import type { Effort } from "./measure.ts";
import { startTfjs, tfjsName } from "./peers/tfjs.ts";
import { benchPeak } from "./peak.ts";
import { peakTable, table } from "./report.ts";
import { benchTutorial } from "./tutorial.ts";

const { values: args } = parseArgs({
  options: { quick: { type: "boolean", default: false }, json: { type: "boolean", default: false } },
});

const effort: Effort = args.quick
  ? { rounds: 15, roundMs: 20, warmUpMs: 300 }
  : { rounds: 60, roundMs: 50, warmUpMs: 1000 };

await startTfjs();
const steps = await benchTutorial(effort);
const peaks = await benchPeak(effort);

if (args.json) {
  for (const row of [...steps, ...peaks]) console.log(JSON.stringify(row));
} else {
  console.log(
    `${cpus()[0].model}, Node ${process.version}, one thread. Medians of ${effort.rounds} alternating rounds.`,
  );
  console.log(`\nstep: against ${tfjsName} (SIMD), both with the same results; ratio = the peer's time over ours\n`);
  console.log(table(steps));
  console.log("\npeak: convolutions against multiplications and additions in registers only\n");
  console.log(peakTable(peaks));
}
