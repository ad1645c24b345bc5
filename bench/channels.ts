// Channels that no vector divides, 5, 9, 17 and 33, against the next multiple of four: the row's peer is trainlet itself.
import * as trainlet from "../dist/src/entry/node.js";
import { gradient, passes, work, type Work } from "./kernels.ts";
import { race, type Effort } from "./measure.ts";
import { rowOf, type Row } from "./report.ts";

/** The same operations for any number of channels. */
type Family = (channels: number) => Promise<Work[]>;

const image = (channels: number) => [8, 24, 24, channels] as const;

const convolution: Family = (channels) =>
  passes("conv2d 3x3", { x: image(channels), w: [3, 3, channels, channels] }, (x, w) => trainlet.nn.conv2d(x, w));

const others: readonly Family[] = [
  (channels) =>
    passes("conv2d 3x3/2", { x: image(channels), w: [3, 3, channels, channels] }, (x, w) =>
      trainlet.nn.conv2d(x, w, { strides: 2 }),
    ),
  (channels) =>
    passes("conv2d 1x1", { x: image(channels), w: [1, 1, channels, channels] }, (x, w) => trainlet.nn.conv2d(x, w)),
  (channels) =>
    passes("depthwise 3x3", { x: image(channels), w: [3, 3, channels, 1] }, (x, w) =>
      trainlet.nn.depthwiseConv2d(x, w),
    ),
  (channels) =>
    unary("batch norm", channels, (x, operand) => {
      const [scale, offset] = [operand([channels]), operand([channels])];
      return trainlet.nn.fusedBatchNorm(x, scale, offset).y;
    }),
  (channels) => unary("max pool 2x2", channels, (x) => trainlet.nn.maxPool(x, 2, { strides: 2, padding: "VALID" })),
];

function unary(
  name: string,
  channels: number,
  op: (x: trainlet.Tensor, operand: (shape: readonly number[]) => trainlet.Tensor) => trainlet.Tensor,
): Promise<Work[]> {
  return Promise.all([
    work(`${name}, forward`, (operand) => op(operand(image(channels)), operand)),
    work(`${name}, forward and dX`, (operand) => {
      const x = operand(image(channels));
      return gradient(operand, op(x, operand), x);
    }),
  ]);
}

export async function benchChannels(effort: Effort, all: boolean): Promise<Row[]> {
  const rows: Row[] = [];
  for (const channels of [5, 9, 17, 33]) {
    const next = Math.ceil(channels / 4) * 4;
    for (const family of [convolution, ...(all ? others : [])]) {
      const [odd, even] = [await family(channels), await family(next)];
      const timings = await race([...odd, ...even], effort);
      odd.forEach((one, i) => {
        const [ours, peer] = [timings[i], { ...timings[odd.length + i], name: `${next} channels` }];
        rows.push(rowOf({ group: "channels", case: one.name, variant: `${channels} channels` }, ours, peer));
      });
      for (const one of [...odd, ...even]) one.close();
    }
  }
  return rows;
}
