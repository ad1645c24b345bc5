/** `trainlet train`: trains a graph over columns of data, and keeps checkpoints from which it goes on. */
import { existsSync } from "node:fs";
import { Option, type Command } from "commander";
import * as tf from "../../src/entry/node.ts";
import { readColumns } from "../data.ts";
import { parseFeeds, tensorName } from "../feeds.ts";
import { named, openSession, readBytes, readCheckpoint, readGraph, writeBytes } from "../files.ts";
import { exitCode, UsageError, type Output } from "../io.ts";
import { collect, integer, wholeNumber } from "../options.ts";
import { display, type Display, type How } from "../progress.ts";

interface Options {
  data?: string[];
  feed?: string[];
  train?: string;
  fetch?: string[];
  batchSize: number;
  steps?: number;
  epochs?: number;
  seed?: number;
  dropLast?: boolean;
  from?: string;
  only?: string;
  out?: string;
  saveEvery?: number;
  resume?: boolean;
  validationData?: string[];
  validationFeed?: string[];
  validationFetch?: string[];
  validationEvery?: number;
  checkNumerics?: boolean;
  progress?: How;
}

export function trainCommand(program: Command, output: Output, done: (code: number) => void): void {
  program
    .command("train")
    .summary("train a graph over data in files")
    .description(
      "Trains a graph. Progress is a bar on a terminal, otherwise a line of JSON a step on standard output.\n\n" +
        "--steps and --epochs say where training ends, counted from its very beginning. Ctrl-C ends it between two " +
        "steps; with --out and --resume it goes on later, and ends in the same bits as if it had never been stopped.",
    )
    .argument("<graph>", "a .meta file, or its JSON")
    .option(
      "--data <file...>",
      "columns, as file, file:tensor or file:column=tensor: safetensors (a column feeds the tensor of its name), IDX, CSV (columns are fields: label, or 0-3); .gz too",
    )
    .option("--feed <name=json>", "a feed that stays the same, such as training=true", collect)
    .option("--train <operation>", "what a step runs (default: train_op)")
    .option("--fetch <name...>", "numbers to report (default: loss, if the graph has it)")
    .option("--batch-size <n>", "rows of a step", wholeNumber, 32)
    .option("--steps <n>", "steps in all", wholeNumber)
    .option("--epochs <n>", "epochs in all", wholeNumber)
    .option("--seed <n>", "decides the order of the rows, and random operations without a seed", integer)
    .option("--drop-last", "leave out the rows of an epoch that fill no batch")
    .option("--from <checkpoint>", "start with these values: a safetensors file, or TensorFlow's by its prefix")
    .option("--only <pattern>", "take only these variables from --from, such as 'trunk/*'")
    .option("--out <file>", "keep a checkpoint here (.safetensors)")
    .option("--save-every <n>", "steps between checkpoints (default: after every epoch)", wholeNumber)
    .option("--resume", "go on where the checkpoint in --out stands, if there is one")
    .option("--validation-data <file...>", "columns to validate on, as --data")
    .option("--validation-feed <name=json>", "such as training=false", collect)
    .option("--validation-fetch <name...>", "means to report, such as accuracy")
    .option("--validation-every <n>", "steps between validations (default: after every epoch)", wholeNumber)
    .option("--check-numerics", "name the operation that makes the first NaN or infinity")
    .addOption(new Option("--progress <how>", "how to show progress").choices(["bar", "json", "none"]))
    .action(async (path: string, options: Options) => {
      check(options);
      const graph = await readGraph(path);
      const shown = display(options.progress ?? (output.tty ? "bar" : "json"), output);
      try {
        const code = await train(graph, path, { options, output, shown });
        done(code);
      } catch (error) {
        shown.fail();
        throw error;
      }
    });
}

function check({ data, steps, epochs, out, resume, from, only, validationData, validationFetch }: Options): void {
  const wrong =
    (!data && "--data is missing: write --data train.safetensors.") ||
    (steps === undefined && epochs === undefined && "--steps or --epochs is missing: write --steps 1000.") ||
    (steps !== undefined &&
      epochs !== undefined &&
      "--steps and --epochs are both given: one says where training ends.") ||
    (resume && out === undefined && "--resume goes on with the checkpoint in --out: write --out model.safetensors.") ||
    (only !== undefined && from === undefined && "--only says what to take from --from: write --from checkpoint.") ||
    (!validationData !== !validationFetch && "--validation-data and --validation-fetch belong together: give both.");
  if (wrong) throw new UsageError(wrong);
}

async function train(
  graph: tf.Graph,
  path: string,
  { options, output, shown }: { options: Options; output: Output; shown: Display },
): Promise<number> {
  const { out = null, steps, epochs, seed, batchSize } = options;
  const feeds = await readColumns(graph, options.data!);
  const validation = options.validationData && {
    feeds: await readColumns(graph, options.validationData),
    constants: parseFeeds(options.validationFeed),
    fetches: scalars(options.validationFetch!),
    every: options.validationEvery ?? ("epoch" as const),
  };
  const onWarning = (finding: tf.Finding): void => output.err(`${tf.formatFinding(finding)}\n`);
  const session = await openSession(graph, { seed, onWarning });
  const resume = options.resume && existsSync(out!) ? await readBytes(out!) : undefined;
  if (options.resume && !resume) output.err(`There is no '${out}' yet: training starts from the beginning.\n`);
  if (!resume) await startValues(session, options);

  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  // The second one ends the process.
  process.once("SIGINT", interrupt);
  try {
    const fit = tf.fit(session, {
      feeds,
      constants: parseFeeds(options.feed),
      train: trainOp(graph, options.train),
      fetches: scalars(options.fetch ?? (graph.findOperation("loss") ? ["loss"] : [])),
      batchSize,
      ...(steps === undefined ? { epochs } : { steps }),
      ...(seed !== undefined && { seed }),
      lastBatch: options.dropLast ? "drop" : "keep",
      ...(validation && { validation }),
      ...(out !== null && {
        checkpoint: { save: (bytes) => writeBytes(out, bytes), every: options.saveEvery ?? "epoch" },
      }),
      resume,
      signal: stop.signal,
      checkNumerics: options.checkNumerics,
      onProgress: (progress) => shown.show(progress),
    });
    const result = await named(path, async () => fit);
    shown.end({ end: result.reason, step: result.state.step, out });
    return result.reason === "stopped" ? exitCode.interrupted : exitCode.ok;
  } finally {
    process.removeListener("SIGINT", interrupt);
    session.close();
  }
}

/** Initial values by the graph's own initialisers, then those of a checkpoint. */
async function startValues(session: tf.Session, { from, only }: Options): Promise<void> {
  const variables = [tf.GraphKeys.GLOBAL_VARIABLES, tf.GraphKeys.LOCAL_VARIABLES].flatMap((key) =>
    session.graph.getCollection(key).filter((item) => item instanceof tf.Variable),
  );
  await session.run(variables.map(({ initializer }) => initializer));
  if (from === undefined) return;
  const checkpoint = await readCheckpoint(from);
  await named(from, () => session.restore(checkpoint, { only }));
}

function trainOp(graph: tf.Graph, name: string | undefined): tf.Operation | tf.Tensor {
  if (name !== undefined) return name.includes(":") ? graph.getTensorByName(name) : graph.getOperationByName(name);
  const [collected] = graph.getCollection(tf.GraphKeys.TRAIN_OP);
  const found = graph.findOperation("train_op") ?? collected;
  if (found instanceof tf.Operation || found instanceof tf.Tensor) return found;
  throw new UsageError("The graph has no operation called 'train_op': say which one trains, as in --train Momentum.");
}

function scalars(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name.replace(/:0$/, ""), tensorName(name)]));
}
