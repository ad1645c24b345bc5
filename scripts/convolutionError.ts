// Prints how far convolutions are from float64 sums where inputs are badly scaled, with Winograd's kernels and without: the table of
// docs/performance.md. For each output channel the largest error over the channel's largest magnitude; of the channels the median
// and the worst.
import * as tf from "../src/entry/node.ts";
import { geometry, lengthsOf, reference, type Geometry, type Pair } from "../test/helpers/convolution.ts";

type Data = readonly [x: Float32Array, filter: Float32Array, dy: Float32Array];

/** Changes what a case feeds; `scale` is the factor of a channel. */
interface Scenario {
  readonly name: string;
  spoil(data: Data, g: Geometry): void;
}

/** From 1e-4 to 1e4 over `count` channels. */
const scale = (channel: number, count: number): number => 10 ** (-4 + (8 * channel) / (count - 1));

function scaleChannels(values: Float32Array, count: number, factor: (channel: number) => number): void {
  values.forEach((value, i) => (values[i] = value * factor(i % count)));
}

/** The place of the outlier: a pixel that some outputs of its tiles see and some do not. */
const outlier: Pair = [4, 8];

const scenarios: readonly Scenario[] = [
  { name: "all in [-1, 1)", spoil: () => {} },
  {
    name: "x: channels from 1e-4 to 1e4",
    spoil: ([x], g) => scaleChannels(x, g.C, (c) => scale(c, g.C)),
  },
  {
    name: "the same, undone by the filter",
    spoil([x, filter], g) {
      scaleChannels(x, g.C, (c) => scale(c, g.C));
      filter.forEach((value, i) => (filter[i] = value / scale(Math.floor(i / g.K) % g.C, g.C)));
    },
  },
  {
    name: "dy and filter: output channels from 1e-4 to 1e4",
    spoil([, filter, dy], g) {
      scaleChannels(filter, g.K, (k) => scale(k, g.K));
      scaleChannels(dy, g.K, (k) => scale(k, g.K));
    },
  },
  {
    name: "one pixel of x and dy 1e4 as large",
    spoil([x, , dy], g) {
      const at = (outlier[0] * g.W + outlier[1]) * g.C;
      for (let c = 0; c < g.C; c++) x[at + c] *= 1e4;
      const from = (outlier[0] * g.output[1] + outlier[1]) * g.K;
      for (let k = 0; k < g.K; k++) dy[from + k] *= 1e4;
    },
  },
];

const cases: readonly Geometry[] = [
  geometry({ N: 2, H: 16, W: 16, C: 32, K: 32 }),
  geometry({ N: 6, H: 32, W: 32, C: 32, K: 32, strides: [2, 2] }),
  geometry({ N: 4, H: 14, W: 14, C: 32, K: 32, filter: [5, 5] }),
];

/** Seeded pseudo-random numbers in [-1, 1) (mulberry32). */
function numbers(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
  });
}

async function run(g: Geometry, data: Data, convolution: "auto" | "direct"): Promise<Record<Pass, Float32Array>> {
  const graph = new tf.Graph();
  const { feeds, fetches } = graph.asDefault(() => {
    const shapes = [
      [g.N, g.H, g.W, g.C],
      [...g.filter, g.C, g.K],
      [g.N, ...g.output, g.K],
    ];
    const inputs = shapes.map((shape) => tf.placeholder(tf.float32, shape));
    const y = tf.nn.conv2d(inputs[0]!, inputs[1]!, { strides: g.strides });
    const [dx, dw] = tf.gradients(y, [inputs[0]!, inputs[1]!], { gradYs: [inputs[2]!] });
    return { feeds: new Map(inputs.map((input, i) => [input, data[i]!] as const)), fetches: [y, dx!, dw!] };
  });
  const session = await tf.Session.create({ graph, convolution });
  const steps = session.plan(fetches, feeds).parts.steps.filter(({ kernel }) => kernel.startsWith("conv2dWinograd"));
  if (steps.length > 0 !== (convolution === "auto")) throw new Error("These shapes do not show the difference.");
  const [y, dx, dw] = (await session.run(fetches, feeds)).map((value) => value.data as Float32Array);
  session.close();
  return { y: y!, dx: dx!, dw: dw! };
}

type Pass = "y" | "dx" | "dw";

/** Median and worst of the channels' errors, of the elements that `counts` says. */
function errorsOf(
  got: Float32Array,
  want: Float64Array,
  channels: number,
  counts: (index: number) => boolean,
): [median: number, worst: number] {
  const errors = Array.from({ length: channels }, (_, channel) => {
    let [error, magnitude] = [0, 0];
    for (let i = channel; i < want.length; i += channels) {
      if (!counts(i)) continue;
      error = Math.max(error, Math.abs(got[i]! - want[i]!));
      magnitude = Math.max(magnitude, Math.abs(want[i]!));
    }
    return error / magnitude;
  }).sort((a, b) => a - b);
  return [errors[channels >> 1]!, errors[channels - 1]!];
}

const format = (error: number): string => error.toExponential(1);
const row = (...cells: string[]): void => console.log(`| ${cells.join(" | ")} |`);

row("filter, of what", "inputs", "direct: median", "worst channel", "Winograd: median", "worst channel");
row("---", "---", "---", "---", "---", "---");
for (const g of cases) {
  const kind = `${g.filter.join(" × ")}${g.strides[0] === 1 ? "" : `, stride ${g.strides[0]}`},`;
  for (const { name, spoil } of scenarios) {
    const lengths = lengthsOf(g);
    const data: Data = [numbers(lengths[0], 1), numbers(lengths[1], 2), numbers(lengths[2], 3)];
    spoil(data, g);
    const exact = reference(g, ...data);
    const [direct, auto] = [await run(g, data, "direct"), await run(g, data, "auto")];
    const print = (pass: Pass, what: string, counts: (index: number) => boolean = () => true): void => {
      const channels = pass === "dx" ? g.C : g.K;
      const errors = [direct, auto].flatMap((got) => errorsOf(got[pass], exact[pass].values, channels, counts));
      row(`${kind} ${what}`, name, ...errors.map(format));
    };
    for (const pass of ["y", "dx", "dw"] as const) print(pass, pass);
    if (!name.startsWith("one pixel")) continue;
    // Elements of the same tile, or its neighbours, that do not see the outlier: direct sums know nothing of it.
    const isSeen = ([row, column]: Pair, [o, p]: Pair): boolean =>
      [row - o * g.strides[0] + g.pads[0], column - p * g.strides[1] + g.pads[1]].every(
        (tap) => tap >= 0 && tap < g.filter[0],
      );
    const pixelOf = (pixel: number, width: number): Pair => [Math.floor(pixel / width), pixel % width];
    print("y", "y that does not see it", (i) => {
      const pixel = Math.floor(i / g.K);
      return pixel >= g.output[0] * g.output[1] || !isSeen(outlier, pixelOf(pixel, g.output[1]));
    });
    print("dx", "dx that does not see it", (i) => {
      const pixel = Math.floor(i / g.C);
      return pixel >= g.H * g.W || !isSeen(pixelOf(pixel, g.W), outlier);
    });
  }
}
