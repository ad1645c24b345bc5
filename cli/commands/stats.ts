/** `trainlet stats`: what is in a graph, and with a checkpoint the moving statistics of its batch-norm layers. */
import { Option, type Command } from "commander";
import type * as tf from "../../src/entry/node.ts";
import { batchNormLayers } from "../../src/graph/batchNormLayers.ts";
import { formatShape, isFullyDefined, sizeOf } from "../../src/graph/shape.ts";
import { isVariable, variableType } from "../../src/graph/variableOps.ts";
import { formatBytes } from "../../src/runtime/heap.ts";
import { openSession, readGraph } from "../files.ts";
import type { Output } from "../io.ts";
import { number, table } from "../table.ts";

interface Range {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
}

interface Layer {
  readonly layer: string;
  readonly channels: number;
  readonly momentum: number | null;
  readonly updates: number | null;
  /** How much of the initial value is left. */
  readonly residual: number | null;
  readonly mean: Range;
  readonly variance: Range;
  /** True if mean and variance still are what they are initialised to: 0 and 1. */
  readonly untouched: boolean;
}

export function statsCommand(program: Command, output: Output): void {
  program
    .command("stats")
    .summary("list the variables of a graph and the state of its batch norms")
    .description(
      "Lists the variables and batch-norm layers of a graph, and with a checkpoint what their moving statistics hold.",
    )
    .argument("<graph>", "a .meta file, or its JSON")
    .argument("[checkpoint]", "a safetensors file, or TensorFlow's by its prefix")
    .addOption(new Option("--format <format>", "how to print").choices(["text", "json"]).default("text"))
    .action(async (path: string, checkpoint: string | undefined, { format }: { format: "text" | "json" }) => {
      const graph = await readGraph(path);
      const variables = graph.operations.filter(isVariable).map((op) => {
        const { shape, dtype } = variableType(op);
        return {
          name: op.name,
          shape,
          dtype: dtype.name,
          bytes: isFullyDefined(shape) ? sizeOf(shape) * dtype.size : 0,
        };
      });
      const structure = batchNormLayers(graph).map(({ name, momentum }) => ({ layer: name, momentum }));
      let layers: Layer[] | null = null;
      if (checkpoint !== undefined) {
        const session = await openSession(graph, { checkpoint });
        layers = session.movingStatistics().map(layerState);
        session.close();
      }
      const nodes = graph.operations.length;
      if (format === "json") {
        output.out(`${JSON.stringify({ nodes, variables, layers: layers ?? structure }, null, 2)}\n`);
        return;
      }
      const bytes = variables.reduce((sum, variable) => sum + variable.bytes, 0);
      output.out(
        `${nodes} operations, ${count(variables.length, "variable")} (${formatBytes(bytes)}), ` +
          `${count(structure.length, "batch-norm layer")} with update ops\n\nVariables\n`,
      );
      const rows = variables.map(({ name, shape, dtype, bytes: size }) => [
        name,
        formatShape(shape),
        dtype,
        formatBytes(size),
      ]);
      output.out(`${table(rows, [3])}\n`);
      if (structure.length === 0) return;
      if (layers) output.out(`\nMoving statistics\n${layersTable(layers)}\n`);
      else {
        const lines = structure.map(({ layer, momentum }) => [layer, `momentum ${momentum ?? "computed in the run"}`]);
        output.out(`\nBatch-norm layers (give a checkpoint to see their statistics)\n${table(lines)}\n`);
      }
    });
}

function layerState({ layer, momentum, updates, residual, mean, variance }: tf.LayerStatistics): Layer {
  const untouched = mean.data.every((value) => value === 0) && variance.data.every((value) => value === 1);
  const channels = mean.data.length;
  return { layer, channels, momentum, updates, residual, mean: range(mean), variance: range(variance), untouched };
}

function range({ data }: tf.FetchedTensor): Range {
  const values = Array.from(data, Number);
  return {
    min: values.reduce((a, b) => Math.min(a, b), Infinity),
    mean: values.reduce((a, b) => a + b, 0) / values.length,
    max: values.reduce((a, b) => Math.max(a, b), -Infinity),
  };
}

function layersTable(layers: readonly Layer[]): string {
  const shown = ({ min, mean, max }: Range): string => `${number(min)} … ${number(mean)} … ${number(max)}`;
  const rows = layers.map((item) => [
    item.layer,
    String(item.channels),
    item.momentum === null ? "?" : number(item.momentum),
    item.updates === null ? "unknown" : String(item.updates),
    item.residual === null ? "" : `${number(item.residual * 100)} %`,
    shown(item.mean),
    shown(item.variance),
    item.untouched ? "never updated: still 0 and 1" : "",
  ]);
  const head = ["layer", "channels", "momentum", "updates", "initial left", "mean: min … mean … max", "variance", ""];
  return table([head, ...rows], [1, 2, 3, 4]);
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
