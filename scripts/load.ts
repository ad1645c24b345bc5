// `npm run test:load`: twenty sessions at once for a minute on a local Worker. Prints times by kind of request and workerd's
// memory, which may not grow after the first ten seconds of it. `-- --seconds N --sessions N`.
import { parseArgs } from "node:util";
import { flatness, runLoad, timesTable } from "../test/load/load.ts";
import { startServer } from "./server.ts";

const { values: options } = parseArgs({
  options: { seconds: { type: "string", default: "60" }, sessions: { type: "string", default: "20" } },
});
const [seconds, sessions] = [Number(options.seconds), Number(options.sessions)];

/** Seconds of the load after which memory may not grow, and the most that may go by before it. */
const settled = 10;
const warmUp = 120;
const maxGrowth = 1.2;

const bound = setTimeout(
  () => {
    console.error("The load does not end.");
    process.exit(1);
  },
  1000 * (warmUp + 2 * seconds + 60),
);

const server = await startServer(0);
try {
  console.log(`${sessions} sessions at once, ${seconds} s`);
  const load = await runLoad({ url: server.url, sessions, seconds, warmUp });
  const { requests, memory } = load.warmUp;
  console.log(`before that ${memory.length} s and ${requests} requests, until workerd's memory had settled:`);
  console.log(memory.map((value) => value.toFixed(0)).join(" "));
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
  const { slope, growth } = flatness(memory, settled);
  const percent = (100 * (growth - 1)).toFixed(1);
  console.log(
    `after ${settled} s: ${slope.toFixed(2)} MiB a second, ${percent} % from its first five samples to its last`,
  );
  if (growth <= maxGrowth) return true;
  console.error(`It grew by more than ${((maxGrowth - 1) * 100).toFixed(0)} %.`);
  return false;
}
