/** `trainlet plan`: what a run would do, step by step, and where its memory lies. Nothing runs. */
import type { Command } from "commander";
import { findFetches, planFeeds } from "../feeds.ts";
import { named, openSession, readGraph } from "../files.ts";
import type { Output } from "../io.ts";
import { collect, required, wholeNumber } from "../options.ts";

interface Options {
  fetch?: string[];
  feed?: string[];
  shape?: string[];
  batch: number;
}

export function planCommand(program: Command, output: Output): void {
  program
    .command("plan")
    .summary("print the plan of a run: steps, kernels, memory map")
    .description(
      "Prints the plan of a run of these fetches: its steps with their kernels, and where its buffers lie. Nothing runs.\n\n" +
        "Placeholders that are not fed are planned for zeros, with --batch where the first size is open.",
    )
    .argument("<graph>", "a .meta file, or its JSON")
    .option("--fetch <name...>", "tensors and operations to fetch")
    .option("--feed <name=json>", "value of a feed, such as training=false", collect)
    .option("--shape <name=sizes>", "shape of a feed, such as input=32,28,28,1", collect)
    .option("--batch <n>", "first size of placeholders that leave it open", wholeNumber, 32)
    .action(async (path: string, options: Options) => {
      const names = required(options.fetch);
      const graph = await readGraph(path);
      const session = await openSession(graph, {});
      await named(path, () => {
        const fetches = findFetches(graph, names);
        output.out(String(session.plan(fetches, planFeeds(graph, fetches, options))));
      });
      session.close();
    });
}
