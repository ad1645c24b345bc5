/** `trainlet doctor`: what is wrong with a run, found without running it. */
import { Option, type Command } from "commander";
import * as tf from "../../src/entry/node.ts";
import { parseFeeds } from "../feeds.ts";
import { named, openSession, readGraph } from "../files.ts";
import { exitCode, UsageError, type Output } from "../io.ts";
import { collect, wholeNumber } from "../options.ts";
import { sarif } from "../sarif.ts";

interface Options {
  fetch?: string[];
  feed?: string[];
  steps?: number;
  silence?: string[];
  format: "text" | "json" | "sarif";
  severity: tf.Finding["severity"];
}

export function doctorCommand(program: Command, output: Output, done: (code: number) => void): void {
  program
    .command("doctor")
    .summary("say what is wrong with a run, without running it")
    .description(
      "Says what is wrong with a run, such as batch norms whose update ops nobody runs.\n\n" +
        "The exit code is 1 if it finds an error or a warning.",
    )
    .argument("<graph>", "a .meta file, or its JSON")
    .argument("[checkpoint]", "a safetensors file, or TensorFlow's by its prefix: some rules look at values")
    .option("--fetch <name...>", "what the run fetches (default: each training step that the graph has)")
    .option("--feed <name=json>", "value of a feed, such as training=false", collect)
    .option("--steps <n>", "how many steps are planned: some rules ask whether they are enough", wholeNumber)
    .option("--silence <rule...>", "mark what these rules find as known, such as BN001")
    .addOption(new Option("--format <format>", "how to print").choices(["text", "json", "sarif"]).default("text"))
    .addOption(
      new Option("--severity <severity>", "leave out what is less severe")
        .choices(["error", "warning", "info"])
        .default("warning"),
    )
    .action(async (path: string, checkpoint: string | undefined, options: Options) => {
      const graph = await readGraph(path);
      const findings = await examine(graph, { path, checkpoint, options });
      output.out(printed(findings, options, path));
      const grave = findings.some((finding) => finding.severity !== "info" && finding.silenced === undefined);
      done(grave ? exitCode.findings : exitCode.ok);
    });
}

async function examine(
  graph: tf.Graph,
  { path, checkpoint, options }: { path: string; checkpoint: string | undefined; options: Options },
): Promise<tf.Finding[]> {
  const { fetch, severity, steps, silence = [] } = options;
  const feeds = Object.fromEntries(parseFeeds(options.feed));
  const run = { ...(fetch && { fetches: fetch }), feeds, severity };
  const seen = await named(path, () => tf.doctor(graph, { ...run, steps, silence }));
  if (checkpoint === undefined) return seen;
  if (!fetch)
    throw new UsageError("With a checkpoint --fetch is needed: name what the run fetches, as in --fetch train_op.");
  const session = await openSession(graph, { checkpoint, silence });
  const measured = await named(path, () => session.doctor(fetch, feeds, { severity }));
  session.close();
  const known = new Set(measured.map(({ message }) => message));
  return [...measured, ...seen.filter(({ message }) => !known.has(message))].sort(
    (a, b) => order.indexOf(a.severity) - order.indexOf(b.severity),
  );
}

const order = ["error", "warning", "info"];

function printed(findings: readonly tf.Finding[], { format, fetch }: Options, path: string): string {
  if (format === "json") return `${JSON.stringify(findings, null, 2)}\n`;
  if (format === "sarif") return `${JSON.stringify(sarif(findings, path), null, 2)}\n`;
  if (findings.length === 0)
    return `Nothing found in ${fetch ? `a run of ${fetch.join(", ")}` : "its training steps"}.\n`;
  return findings.map((finding) => `${tf.formatFinding(finding)}\n`).join("\n");
}
