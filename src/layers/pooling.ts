/** tf.layers.max_pooling2d and average_pooling2d (tensorflow/python/layers/pooling.py). */
import { UnimplementedError } from "../graph/errors.ts";
import type { Tensor } from "../graph/operation.ts";
import { avgPool, maxPool, type PoolOptions } from "../ops/pool.ts";
import { layerScope, paddingOf, pairOf } from "./layer.ts";

export interface Pooling2dOptions {
  /** Default "valid". */
  padding?: "valid" | "same";
  /** Only "channels_last" is supported. */
  dataFormat?: "channels_last";
  name?: string;
}

/** The largest element of each window; see `nn.maxPool`.
 * @param inputs float32 [N, H, W, C]
 * @param poolSize height and width
 * @param strides steps along height and width
 * @throws InvalidArgumentError for sizes that do not fit; UnimplementedError for channels_first. */
export function maxPooling2d(
  inputs: Tensor,
  poolSize: number | readonly [number, number],
  strides: number | readonly [number, number],
  options: Pooling2dOptions = {},
): Tensor {
  return pooling2d("max_pooling2d", maxPool, inputs, poolSize, strides, options);
}

/** The mean of each window, of those of its elements that lie inside the input; see `maxPooling2d`. */
export function averagePooling2d(
  inputs: Tensor,
  poolSize: number | readonly [number, number],
  strides: number | readonly [number, number],
  options: Pooling2dOptions = {},
): Tensor {
  return pooling2d("average_pooling2d", avgPool, inputs, poolSize, strides, options);
}

function pooling2d(
  kind: "max_pooling2d" | "average_pooling2d",
  pool: (
    input: Tensor,
    size: readonly [number, number],
    options: PoolOptions & { padding: "SAME" | "VALID" },
  ) => Tensor,
  inputs: Tensor,
  poolSize: number | readonly [number, number],
  strides: number | readonly [number, number],
  options: Pooling2dOptions,
): Tensor {
  const what = `layers.${kind === "max_pooling2d" ? "maxPooling2d" : "averagePooling2d"}`;
  if (options.dataFormat !== undefined && options.dataFormat !== "channels_last")
    throw new UnimplementedError(`${what}: dataFormat must be "channels_last".`);
  const size = pairOf(poolSize, `${what}: poolSize`);
  const steps = pairOf(strides, `${what}: strides`);
  const padding = paddingOf(options.padding ?? "valid", `${what}: padding`);
  return layerScope(kind, inputs, options, () => pool(inputs, size, { strides: steps, padding }));
}
