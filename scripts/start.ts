// `npm start`: the tutorial's experiments in a local Cloudflare Worker, which then serves until Ctrl-C.
// `-- --once` ends after the experiments; `-- --port N` asks for another port than 8787.
import { parseArgs } from "node:util";
import { readPhoto } from "../examples/photo.ts";
import { connect } from "../worker/client/node.ts";
import { runExperiments } from "./experiments.ts";
import { freePort, startServer, type Server } from "./server.ts";
import { run } from "./tools.ts";

const { values: options } = parseArgs({
  options: { once: { type: "boolean", default: false }, port: { type: "string", default: "8787" } },
});
const wanted = Number(options.port);
if (!Number.isInteger(wanted) || wanted < 1 || wanted > 65_535) {
  console.error(`--port must be a number from 1 to 65535, got '${options.port}'.`);
  process.exit(1);
}

let starting: Promise<Server> | undefined;
let serving = false;
let endingSince: number | null = null;

/** Ends workerd, then this process. */
async function end(code: number): Promise<void> {
  endingSince ??= performance.now();
  try {
    await (await starting)?.dispose();
  } catch (error) {
    console.error((error as Error).message);
  }
  process.exit(code);
}

/** A second Ctrl-C does not wait. At once it is no second one: the terminal sends it, and npm passes its own on. */
function onSignal(): void {
  if (endingSince === null) void end(serving ? 0 : 130);
  else if (performance.now() - endingSince > 1000) process.exit(130);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);

// npm hands a signal to its shell only, which ends and leaves us behind.
if (process.env.npm_lifecycle_event !== undefined) {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && onSignal(), 250).unref();
}

async function start(): Promise<void> {
  if ((await run("node", ["scripts/build.ts", "--if-missing"])) !== 0) return end(1);
  const port = await freePort(wanted);
  if (port !== wanted) console.log(`Port ${wanted} is taken: using ${port}.`);
  starting = startServer(port);
  const { url } = await starting;
  if (endingSince !== null) return;
  console.log(`trainlet in a local Cloudflare Worker (workerd), reached over HTTP at ${url}`);

  const trainlet = await connect(url);
  await runExperiments(trainlet, await readPhoto());
  await trainlet.disconnect();
  if (options.once) return end(0);

  serving = true;
  console.log(`\nServing until Ctrl-C. The page: ${url}/   The routes: ${url}/v1/docs   A session of your own:`);
  console.log(`  curl ${url}/v1/sessions -H 'content-type: application/json' -d '{"example":"tutorial"}'`);
}

start().catch((error: unknown) => {
  if (endingSince !== null) return;
  console.error(error instanceof Error ? error.message : error);
  void end(1);
});
