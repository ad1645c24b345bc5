/** The adapters by family. A family that is not here is unsupported as a whole. */
import type { Adapter } from "./adapter.ts";
import { batchNorm } from "./batchNorm.ts";
import { conv2d } from "./conv2d.ts";
import { operation } from "./operation.ts";
import { random } from "./random.ts";
import { tutorial } from "./tutorial.ts";

export const families: { readonly [family: string]: Adapter | undefined } = {
  activation: operation,
  array: operation,
  batch_norm: batchNorm,
  conv2d,
  elementwise: operation,
  matmul: operation,
  pool: operation,
  random,
  reduce: operation,
  tutorial,
};
