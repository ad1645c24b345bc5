// npm run bench: trainlet and its peers side by side. See README.md for options and groups.
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { replaceTables } from "./document.ts";
import {
  figureTable,
  peakTable,
  profileTable,
  table,
  type FigureRow,
  type PeakRow,
  type ProfileRow,
  type Row,
  type Style,
} from "./report.ts";

const groups = ["peak", "channels", "conv", "step", "profile", "scale", "start"] as const;
type Group = (typeof groups)[number];

const { values: args } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    markdown: { type: "boolean", default: false },
    into: { type: "string" },
    group: { type: "string", multiple: true, default: [...groups] },
  },
});
const unknown = args.group.find((group) => !(groups as readonly string[]).includes(group));
if (unknown !== undefined) {
  console.error(`There is no group '${unknown}'. Groups: ${groups.join(", ")}.`);
  process.exit(2);
}
const { quick } = args;
const style: Style = args.markdown || args.into !== undefined ? "markdown" : "columns";

/** Many short rounds: on a machine that others use too, most of them are undisturbed. */
const kernelEffort = quick ? { rounds: 9, roundMs: 3, warmUpMs: 80 } : { rounds: 31, roundMs: 6, warmUpMs: 300 };
const stepEffort = quick ? { rounds: 7, roundMs: 30, warmUpMs: 200 } : { rounds: 40, roundMs: 50, warmUpMs: 1000 };

const titles: Record<Group, string> = {
  peak: "kernels against multiplications and additions in registers only; padding counts as work, as is usual",
  channels: "channels that no vector divides against the next multiple of four: below 1, they cost more",
  conv: "convolutions, forward and gradients, with the same results",
  step: "whole training steps, with the same losses or statistics",
  profile: "where the time of these steps goes",
  scale: "how time and memory of a training step grow; each: of an image, or of a layer",
  start: "start-up, medians of fresh starts; and the same step in other hosts, whose time is the peer's",
};

const notes: string[] = [];

/** The rows of a group, and its tables. Peers are loaded with the group that needs them. */
async function run(
  group: Group,
): Promise<{ rows: readonly (Row | PeakRow | ProfileRow | FigureRow)[]; tables: string[] }> {
  const withPeers = (rows: Row[]) => ({ rows, tables: [table(rows, style)] });
  const figures = (rows: FigureRow[]) => ({ rows, tables: [figureTable(rows, style)] });
  switch (group) {
    case "peak": {
      const { benchPeak } = await import("./peak.ts");
      const rows = await benchPeak(kernelEffort);
      return { rows, tables: [peakTable(rows, style)] };
    }
    case "channels": {
      const { benchChannels } = await import("./channels.ts");
      return withPeers(await benchChannels(kernelEffort, !quick));
    }
    case "conv": {
      const { benchConv } = await import("./conv.ts");
      return withPeers(await benchConv({ ...(quick ? kernelEffort : stepEffort), allPeers: !quick }));
    }
    case "step": {
      const { benchSteps } = await import("./step.ts");
      return withPeers(await benchSteps({ ...stepEffort, warmUpSteps: quick ? 5 : 40, slowPeers: !quick }, notes));
    }
    case "profile": {
      const { benchProfile } = await import("./profile.ts");
      const rows = await benchProfile(quick ? { profiles: 3, repeat: 3 } : { profiles: 10, repeat: 10 });
      return { rows, tables: [profileTable(rows, style)] };
    }
    case "scale": {
      const { benchScale } = await import("./scale.ts");
      const [batches, depths] = quick
        ? [
            [1, 16, 64],
            [8, 20],
          ]
        : [
            [1, 2, 4, 8, 16, 32, 64, 128, 256],
            [8, 14, 20, 32, 44, 56],
          ];
      return figures(await benchScale({ ...stepEffort, rounds: quick ? 5 : 15, batches, depths }));
    }
    case "start": {
      const { benchStart } = await import("./start.ts");
      const startEffort = { ...stepEffort, rounds: quick ? 5 : 25, roundMs: 150, starts: quick ? 1 : 5 };
      const start = await benchStart(startEffort, notes);
      return {
        rows: [...start.figures, ...start.rows],
        tables: [figureTable(start.figures, style), table(start.rows, style)],
      };
    }
  }
}

const date = new Date().toISOString().slice(0, 10);
const machine = `${cpus()[0].model}, ${cpus().length} CPUs, Node ${process.version}, one thread, ${date}${quick ? ", --quick" : ""}.`;
if (!args.json && args.into === undefined) console.log(machine);
for (const group of groups.filter((group) => args.group.includes(group))) {
  const { rows, tables } = await run(group);
  if (args.json) for (const row of rows) console.log(JSON.stringify(row));
  if (args.into !== undefined) {
    const document = readFileSync(args.into, "utf8");
    writeFileSync(args.into, replaceTables(document, group, [machine, ...tables].join("\n\n")));
  } else if (!args.json) {
    console.log(`\n${args.markdown ? "### " : ""}${group}: ${titles[group]}\n\n${tables.join("\n\n")}`);
  }
}
for (const note of notes) console.error(`\n${note}`);
