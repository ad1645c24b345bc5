/** The command line: which commands there are, and how their mistakes are told: one line, exit code 2. */
import { Command, CommanderError } from "commander";
import * as tf from "../src/entry/node.ts";
import { version } from "../worker/version.ts";
import { convertCommand } from "./commands/convert.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { planCommand } from "./commands/plan.ts";
import { statsCommand } from "./commands/stats.ts";
import { trainCommand } from "./commands/train.ts";
import { exitCode, UsageError, type Output } from "./io.ts";

/** Runs a command and gives its exit code. */
export async function main(args: readonly string[], output: Output): Promise<number> {
  let code: number = exitCode.ok;
  const program = new Command("trainlet")
    .description("Trains TensorFlow 1 graphs, and looks into them.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: false })
    .configureOutput({
      writeOut: (text) => output.out(text),
      writeErr: (text) => output.err(text),
      // Said below, in one line.
      outputError: () => {},
    })
    .exitOverride();
  const done = (value: number): void => {
    code = value;
  };
  trainCommand(program, output, done);
  statsCommand(program, output);
  doctorCommand(program, output, done);
  planCommand(program, output);
  convertCommand(program, output);
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCode.ok;
    // A call without a command has printed the help.
    if (error instanceof CommanderError && error.code === "commander.help") return exitCode.failed;
    output.err(`trainlet: ${sentence(error, args)}\n`);
    return exitCode.failed;
  }
}

function sentence(error: unknown, args: readonly string[]): string {
  if (error instanceof CommanderError) {
    const [first, ...rest] = error.message.replace(/^error: /, "").split("\n");
    // Options of several values take what comes behind them.
    const taken = error.code === "commander.missingArgument" && args.some((arg) => arg.startsWith("--"));
    const hint = taken ? ["Write it before options that take several values."] : [];
    return [first.replace(/\.?$/, "."), ...rest, ...hint].join(" ").trim();
  }
  if (error instanceof UsageError || error instanceof tf.errors.TrainletError) return oneLine(error.message);
  return oneLine(`${String(error)} (a mistake of trainlet's: please report it)`);
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, " ");
}
