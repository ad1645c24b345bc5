// `npm run test:hostile`: 20,000 mutated requests to a local Worker, then SIGKILL at fifty moments of the experiment.
// `-- --seed N` repeats a run, `-- --seed N --case I` one request of it; `--count`, `--kills` ask for more or fewer.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { RawRequest } from "../test/hostile/http1.ts";
import { runCampaign, type Finding } from "../test/hostile/campaign.ts";
import { canKill } from "../test/kill/killableServer.ts";
import { killAtRandom, killTable } from "../test/kill/kills.ts";
import { startServer } from "./server.ts";
import { root } from "./tools.ts";

const { values: options } = parseArgs({
  options: {
    seed: { type: "string" },
    count: { type: "string", default: "20000" },
    kills: { type: "string", default: "50" },
    case: { type: "string" },
  },
});

/** No run takes longer. */
const boundMinutes = 30;
const bound = setTimeout(() => {
  console.error(`Not done after ${boundMinutes} minutes.`);
  process.exit(1);
}, boundMinutes * 60_000);

const seed = Number(options.seed ?? Math.floor(Math.random() * 2 ** 31));
const only = options.case === undefined ? undefined : Number(options.case);

async function hostile(): Promise<boolean> {
  console.log(`Mutated requests with seed ${seed}`);
  const server = await startServer(0, { logLevel: "none" });
  try {
    const { sent, followUps, crashed, findings, pastParsing, table, layers, memory, witnessed } = await runCampaign({
      port: server.port,
      count: Number(options.count),
      seed,
      only,
      progress: console.log,
    });
    console.log(`\n${table}\n\n${layers}`);
    const share = `${(100 * pastParsing).toFixed(1)} %`;
    console.log(`\n${sent} requests, ${share} past parsing; ${followUps} more to the sessions that came of them`);
    console.log(`two witness sessions compared bit for bit ${witnessed} times, then trained on like their twins`);
    if (memory.length > 0) {
      const [first, last, peak] = [memory[0], memory.at(-1)!, Math.max(...memory)].map((value) => value.toFixed(0));
      console.log(`workerd: ${first} MiB before, ${last} MiB after, ${peak} MiB at most`);
    }
    report(findings);
    if (crashed) console.error("workerd has crashed, and was started again.");
    if (pastParsing < 0.2 && only === undefined) console.error("Fewer than 20 % of the requests got past parsing.");
    return findings.length === 0 && !crashed && (pastParsing >= 0.2 || only !== undefined);
  } finally {
    await server.dispose();
  }
}

function report(findings: readonly Finding[]): void {
  const file = join(root, "build", "hostile-findings.md");
  mkdirSync(join(root, "build"), { recursive: true });
  const sections = findings.map(({ what, times, first, smallest, request, shown }) =>
    [
      `## ${what}`,
      `${times} times. \`npm run test:hostile -- --seed ${seed} --case ${first}\``,
      `Smallest case: \`${JSON.stringify(smallest)}\``,
      `\`\`\`\n${sent(request)}\n\`\`\``,
      `What broke:\n\n\`\`\`\n${sent(shown.request)}\n\n→ ${shown.answer}\n\`\`\``,
    ].join("\n\n"),
  );
  writeFileSync(
    file,
    `# Hostile requests, seed ${seed}: ${findings.length} kinds of findings\n\n${sections.join("\n\n")}\n`,
  );
  for (const { what, times, first } of findings) console.error(`FOUND ${times} times, first in case ${first}: ${what}`);
  console.log(findings.length === 0 ? "nothing found" : `written to build/hostile-findings.md`);
}

function sent({ body, ...head }: RawRequest): string {
  if (body === null) return JSON.stringify(head);
  const text = new TextDecoder().decode(body.subarray(0, 20_000));
  return `${JSON.stringify(head)}\n${text}`;
}

async function kill(): Promise<void> {
  const kills = Number(options.kills);
  if (!canKill || kills === 0 || only !== undefined) return;
  console.log(`\nSIGKILL at ${kills} moments of the experiment, seed ${seed}`);
  console.log(killTable(await killAtRandom(kills, seed)));
  console.log("every answered request was there after the restart, none half");
}

const clean = await hostile();
await kill();
clearTimeout(bound);
process.exitCode = clean ? 0 : 1;
