/** The adapters by family. A family that is not here is unsupported as a whole. */
import type { Adapter } from "./adapter.ts";
import { array } from "./array.ts";
import { batchNorm } from "./batchNorm.ts";
import { conv2d, conv2dTranspose, depthwiseConv2d } from "./conv2d.ts";
import { dropout } from "./dropout.ts";
import { elementwise } from "./elementwise.ts";
import { learningRate } from "./learningRate.ts";
import { loss } from "./loss.ts";
import { matMul } from "./matMul.ts";
import { optimizer } from "./optimizer.ts";
import { pool } from "./pool.ts";
import { random } from "./random.ts";
import { reduce } from "./reduce.ts";
import { training } from "./training.ts";
import { tutorial } from "./tutorial.ts";

export const families: { readonly [family: string]: Adapter | undefined } = {
  activation: elementwise,
  array,
  batch_norm: batchNorm,
  conv2d,
  conv2d_transpose: conv2dTranspose,
  depthwise_conv2d: depthwiseConv2d,
  dropout,
  elementwise,
  loss,
  lr_schedule: learningRate,
  matmul: matMul,
  optimizer,
  pool,
  random,
  reduce,
  training,
  tutorial,
};
