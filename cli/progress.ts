/** How training is watched: a bar on a terminal, otherwise one line of JSON a step. */
import yoctoSpinner from "yocto-spinner";
import type * as tf from "../src/entry/node.ts";
import type { Output } from "./io.ts";
import { number } from "./table.ts";

export interface Display {
  show(progress: tf.Progress): void;
  /** A line that stays. */
  end(summary: Summary): void;
  /** Takes the bar away: an error follows. */
  fail(): void;
}

export interface Summary {
  readonly end: tf.FitResult["reason"];
  readonly step: number;
  readonly out: string | null;
}

export type How = "bar" | "json" | "none";

export function display(how: How, output: Output): Display {
  if (how === "bar") return barDisplay();
  if (how === "none") return { show() {}, end() {}, fail() {} };
  const line = (value: object): void => output.out(`${JSON.stringify(value)}\n`);
  return { show: line, end: line, fail() {} };
}

/** More often nobody sees. */
const frameMs = 100;

function barDisplay(): Display {
  // Ctrl-C is the command's: it ends training between two steps.
  const spinner = yoctoSpinner({ text: "starting", handleSignals: false, stream: process.stderr });
  spinner.start();
  let drawn = -Infinity;
  let last = "";
  return {
    show(progress) {
      last = figures(progress);
      const now = performance.now();
      if (now - drawn < frameMs && progress.step < progress.steps) return;
      drawn = now;
      spinner.text = barText(progress, process.stderr.columns || 80);
    },
    end({ end, step, out }) {
      const what = { finished: "Finished", stopped: "Stopped", earlyStopping: "Stopped early" }[end];
      const kept = out === null ? "not kept: give --out" : `kept in ${out}`;
      const text = `${what} at step ${step}, ${kept}${last === "" ? "" : `  ${last}`}`;
      if (end === "stopped") spinner.warning(text);
      else spinner.success(text);
    },
    fail: () => void spinner.stop(),
  };
}

const barWidth = 24;

/** `████████░░░░  41%  410/1000  epoch 3  loss 0.2134  512 steps/s  1 s left`, cut to a line of the terminal. */
export function barText(progress: tf.Progress, columns: number): string {
  const { step, steps, epoch, stepsPerSecond } = progress;
  const done = steps > 0 ? step / steps : 1;
  const full = Math.floor(done * barWidth);
  const parts = [
    `${"█".repeat(full)}${"░".repeat(barWidth - full)}`,
    `${Math.floor(done * 100)}%`.padStart(4),
    `${step}/${steps}`,
    `epoch ${epoch}`,
    figures(progress),
  ];
  if (stepsPerSecond)
    parts.push(`${number(stepsPerSecond)} steps/s`, `${duration((steps - step) / stepsPerSecond)} left`);
  const text = parts.filter((part) => part !== "").join("  ");
  // The spinner and a space stand before it.
  return text.length <= columns - 3 ? text : `${text.slice(0, Math.max(columns - 4, 0))}…`;
}

function figures({ fetches, validation = {} }: tf.Progress): string {
  const shown = (prefix: string, values: { readonly [key: string]: number }): string[] =>
    Object.entries(values).map(([key, value]) => `${prefix}${key} ${number(value)}`);
  return [...shown("", fetches), ...shown("validation ", validation)].join("  ");
}

export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
