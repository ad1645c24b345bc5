// Convolutions, forward and gradients, against ONNX Runtime Web, TensorFlow.js and jax-js.
import * as trainlet from "../dist/src/entry/node.js";
import { convShapes, nameOf, operandsOf, type ConvShape, type Operands, type Pass } from "./convShapes.ts";
import { checkAgreement, contender, race, sum, timing, type Contender, type Effort, type Timing } from "./measure.ts";
import { jaxName, jaxPasses, startJax } from "./peers/jax.ts";
import { onnxName, onnxPasses, startOnnx } from "./peers/onnx.ts";
import { tfjsName, tfjsPasses, useTfjs, type Backend } from "./peers/tfjs.ts";
import { rowOf, type Row } from "./report.ts";

/** Sums of up to 50 000 products, in another order or by Winograd's algorithm; relative to the largest element. */
const tolerance = 1e-4;

export interface ConvEffort extends Effort {
  /** False: only ONNX Runtime Web, the fastest of the peers. */
  readonly allPeers: boolean;
}

export async function benchConv(effort: ConvEffort): Promise<Row[]> {
  await startOnnx();
  const rows: Row[] = [];
  for (const shape of convShapes) rows.push(...(await againstOnnx(shape, effort)));
  rows.push(geometricMean(rows));
  if (!effort.allPeers) return rows;
  await startJax();
  for (const backend of ["wasm", "cpu"] as const) rows.push(...(await againstTfjs(backend, effort)));
  for (const shape of convShapes) {
    const operands = operandsOf(shape);
    rows.push(...(await compare(shape, operands, jaxName, jaxPasses(shape, operands), effort)));
  }
  return rows;
}

/** Both sides take their operands in and give their results out. */
async function againstOnnx(shape: ConvShape, effort: Effort): Promise<Row[]> {
  const operands = operandsOf(shape);
  const passes = await onnxPasses(shape, operands);
  const timings: [Timing, Timing][] = [];
  for (const pass of passes) {
    const us = await ourPass(shape, operands, pass.variant, false);
    await checkPass(shape, us, pass, onnxName);
    const [ours, peer] = await race([us, contender(onnxName, pass.step)], effort);
    us.close();
    timings.push([ours, peer]);
  }
  const [[a, b], [c, d]] = timings;
  timings.push([sum(a, c), sum(b, d)]);
  const variants = [...passes.map((pass) => pass.variant), total];
  return timings.map(([ours, peer], i) =>
    rowOf({ group: "conv", case: nameOf(shape), variant: variants[i] }, ours, peer),
  );
}

const total = "forward+dX+dW+dB";

function geometricMean(rows: readonly Row[]): Row {
  const totals = rows.filter((row) => row.variant === total);
  const mean = (of: (row: Row) => number): number =>
    Math.exp(totals.reduce((logs, row) => logs + Math.log(of(row)), 0) / totals.length);
  return {
    group: "conv",
    case: `geometric mean of the ${totals.length}`,
    variant: total,
    peer: totals[0].peer,
    ourMs: mean((row) => row.ourMs),
    peerMs: mean((row) => row.peerMs),
    ratio: mean((row) => row.ratio),
    ratioOfMinima: mean((row) => row.ratioOfMinima),
    ratioRange: [mean((row) => row.ratioRange[0]), mean((row) => row.ratioRange[1])],
  };
}

async function againstTfjs(backend: Backend, effort: Effort): Promise<Row[]> {
  await useTfjs(backend);
  const rows: Row[] = [];
  for (const shape of convShapes) {
    const operands = operandsOf(shape);
    const passes = tfjsPasses(backend, shape, operands);
    rows.push(...(await compare(shape, operands, tfjsName(backend), passes, effort)));
  }
  return rows;
}

/** Operands lie in memory on both sides, and results stay there. What takes the peer longer than this is timed once. */
const slowMs = 500;

async function compare(
  shape: ConvShape,
  operands: Operands,
  peerName: string,
  passes: readonly Pass[],
  effort: Effort,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const pass of passes) {
    const us = await ourPass(shape, operands, pass.variant, true);
    await checkPass(shape, us, pass, peerName);
    const peer = contender(peerName, pass.step);
    const ms = await peer.round(1);
    const [ours, theirs = timing(peerName, [ms])] = await race(ms > slowMs ? [us] : [us, peer], effort);
    us.close();
    rows.push(rowOf({ group: "conv", case: nameOf(shape), variant: pass.variant }, ours, theirs));
  }
  return rows;
}

async function checkPass(shape: ConvShape, us: OurPass, peer: Pass, peerName: string): Promise<void> {
  const [ours, theirs] = [await us.results(), await peer.results()];
  if (ours.length !== theirs.length) throw new Error(`${peerName} gives ${theirs.length} results, not ${ours.length}.`);
  ours.forEach((values, i) => {
    checkAgreement(`${nameOf(shape)} ${us.variant}, result ${i}, ${peerName}`, values, theirs[i], tolerance);
  });
}

interface OurPass extends Contender, Omit<Pass, "step"> {
  close(): void;
}

/** trainlet's side. `resident`: operands are variables, results stay; else operands are fed and results fetched. */
async function ourPass(
  { window, stride }: ConvShape,
  { x, w, dy }: Operands,
  variant: Pass["variant"],
  resident: boolean,
): Promise<OurPass> {
  const graph = new trainlet.Graph();
  const pad = (window - 1) / 2;
  const named = { x, w, dy };
  const { fetches, init } = graph.asDefault(() => {
    const operand = (name: keyof Operands): trainlet.Tensor =>
      resident
        ? trainlet.getVariable(name, named[name].shape, { initializer: trainlet.zerosInitializer() }).value()
        : trainlet.placeholder(trainlet.float32, named[name].shape, name);
    const [input, filter, gradient] = [operand("x"), operand("w"), operand("dy")];
    const padding = [
      [pad, pad],
      [pad, pad],
    ] as const;
    const y = trainlet.nn.conv2d(input, filter, { strides: stride, padding });
    const bias = trainlet.zeros([w.shape[3]]);
    const byOperand = (sources: readonly trainlet.Tensor[]): trainlet.Tensor[] =>
      trainlet.gradients(trainlet.nn.biasAdd(y, bias), sources, { gradYs: [gradient] }).map((result) => result!);
    const fetches = {
      forward: () => [y],
      dX: () => byOperand([input]),
      "dX+dW": () => byOperand([input, filter]),
      "dX+dW+dB": () => byOperand([input, filter, bias]),
    }[variant]();
    return { fetches, init: trainlet.globalVariablesInitializer() };
  });
  const session = await trainlet.Session.create({ graph });
  await session.run(init);
  const feeds: Record<string, Float32Array> = {};
  for (const [name, { data, shape }] of Object.entries(named)) {
    if (resident) session.load({ [name]: { data, shape } });
    else if (name === "dy" ? variant !== "forward" : true) feeds[`${name}:0`] = data;
  }
  return {
    name: "trainlet",
    variant,
    async round(steps) {
      const start = performance.now();
      // Repeated in one run, results stay in memory until the last.
      if (resident) await session.run(fetches, feeds, { repeat: steps });
      else for (let i = 0; i < steps; i++) await session.run(fetches, feeds);
      return performance.now() - start;
    },
    results: async () => (await session.run(fetches, feeds)).map(({ data }) => data as Float32Array),
    close: () => session.close(),
  };
}
