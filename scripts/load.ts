// `npm run test:load`: twenty sessions at once for a minute on a local Worker. Prints times by kind of request and workerd's
// memory, which must be flat after the first ten seconds. `-- --seconds N --sessions N`.
import { parseArgs } from "node:util";
import { flatness, runLoad, timesTable } from "../test/load/load.ts";
import { startServer } from "./server.ts";

const { values: options } = parseArgs({
  options: { seconds: { type: "string", default: "60" }, sessions: { type: "string", default: "20" } },
});
const [seconds, sessions] = [Number(options.seconds), Number(options.sessions)];

/**
 * Flat: after these seconds, in which all sessions are made, the line through the samples to the end of the load rises by no
 * more than this part of their mean.
 */
const settled = 10;
const maxRise = 0.1;

const bound = setTimeout(
  () => {
    console.error("The load does not end.");
    process.exit(1);
  },
  1000 * (2 * seconds + 60),
);

const server = await startServer(0, { small: true });
try {
  console.log(`${sessions} sessions at once, ${seconds} s`);
  const load = await runLoad({ url: server.url, sessions, seconds });
  console.log(`\n${timesTable(load)}\n`);
  console.log(`${load.requests} requests, ${load.errors.length} errors`);
  for (const error of load.errors.slice(0, 20)) console.error(error);
  const flat = checkMemory(load.memory);
  process.exitCode = load.errors.length === 0 && flat ? 0 : 1;
} finally {
  await server.dispose();
  clearTimeout(bound);
}

function checkMemory(memory: readonly number[]): boolean {
  if (memory.length < settled + 10) {
    console.log("workerd's memory: too few samples to tell");
    return true;
  }
  console.log(`workerd's memory, MiB each second: ${memory.map((value) => value.toFixed(0)).join(" ")}`);
  const { slope, rise } = flatness(memory, settled);
  const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
  console.log(`after ${settled} s: ${slope.toFixed(2)} MiB a second, ${percent(rise)} to the end`);
  if (rise <= maxRise) return true;
  console.error(`That is not flat: it may rise by ${percent(maxRise)}.`);
  return false;
}
