// PyTorch on the CPU, one thread, in a process of its own (torch.py), where Python and torch are there. PYTHON names the interpreter.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { encodeSafetensors, type StoredTensor } from "../../dist/src/formats/safetensors.js";
import type { Contender } from "../measure.ts";

export const layouts = ["NCHW", "channels_last"] as const;
export type Layout = (typeof layouts)[number];

/** A Python process that has torch. */
export interface Torch {
  readonly name: string;
  /** Trains the net in that layout from now on; answers the losses of the first steps. */
  load(net: string, tensors: ReadonlyMap<string, StoredTensor>, layout: Layout, steps: number): Promise<number[]>;
  contender(layout: Layout): Contender;
  close(): Promise<void>;
}

/** A process for each layout, so that both can take turns; or the reason why there is none. */
export async function startTorch(): Promise<Torch | string> {
  const python = process.env.PYTHON ?? "python3";
  const processes = new Map<Layout, Python>();
  const close = async (): Promise<void> => {
    for (const one of processes.values()) await one.close();
  };
  try {
    for (const layout of layouts) processes.set(layout, new Python(python));
    const { version } = (await processes.get("NCHW")!.ask({ op: "version" })) as { version: string };
    return {
      name: `PyTorch ${version}`,
      async load(net, tensors, layout, steps) {
        const folder = mkdtempSync(join(tmpdir(), "trainlet-bench-"));
        try {
          const file = join(folder, "net.safetensors");
          writeFileSync(file, encodeSafetensors(tensors));
          const answer = await processes.get(layout)!.ask({ op: "load", net, file, layout, steps });
          return (answer as { losses: number[] }).losses;
        } finally {
          rmSync(folder, { recursive: true });
        }
      },
      contender: (layout) => ({
        name: `PyTorch ${version} ${layout}`,
        round: async (steps) => ((await processes.get(layout)!.ask({ op: "round", steps })) as { ms: number }).ms,
      }),
      close,
    };
  } catch (error) {
    await close();
    return `'${python}' does not run PyTorch (${(error as Error).message}). Set PYTHON to an interpreter that has torch.`;
  }
}

class Python {
  readonly #process;
  readonly #lines;
  readonly #ended: Promise<void>;
  #errors = "";

  constructor(python: string) {
    const env = { ...process.env, OMP_NUM_THREADS: "1", MKL_NUM_THREADS: "1" };
    this.#process = spawn(python, [fileURLToPath(new URL("../torch.py", import.meta.url))], { env });
    this.#process.stderr.setEncoding("utf8").on("data", (text: string) => (this.#errors += text));
    // A request to a process that has ended fails where its answer is waited for.
    this.#process.stdin.on("error", () => {});
    this.#lines = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
    this.#ended = new Promise((resolve) => {
      this.#process.on("error", (error) => {
        this.#errors += error.message;
        resolve();
      });
      this.#process.on("close", () => resolve());
    });
  }

  async ask(request: object): Promise<unknown> {
    this.#process.stdin.write(`${JSON.stringify(request)}\n`);
    const ended = this.#ended.then(() => ({ value: undefined, done: true as const }));
    const { value, done } = await Promise.race([this.#lines.next(), ended]);
    if (!done) return JSON.parse(value);
    await this.#ended;
    throw new Error(this.#errors.trim().split("\n").at(-1) ?? "");
  }

  async close(): Promise<void> {
    this.#process.stdin.end();
    await this.#ended;
  }
}
