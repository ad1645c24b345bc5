/** tf.layers.dropout (tensorflow/python/keras/layers/core.py of TF 1.15). */
import type { Tensor } from "../graph/operation.ts";
import { smartCond } from "../ops/controlFlow.ts";
import { dropout as drop } from "../ops/dropout.ts";
import { identity } from "../ops/identity.ts";
import { layerScope } from "./layer.ts";

export interface DropoutLayerOptions {
  /** The probability that an element is dropped, in [0, 1). Default 0.5. */
  rate?: number | Tensor;
  /** Shape of the mask, see nn.dropout. Default: that of the inputs. */
  noiseShape?: readonly (number | null)[] | Tensor;
  /** Seed of this operation; with neither it nor the graph's seed, the session draws one. */
  seed?: number | null;
  /** Drop; otherwise the inputs pass unchanged. A boolean, or a scalar bool tensor that each run decides. Default false. */
  training?: boolean | Tensor;
  name?: string;
}

/** Dropout layer: while training, elements become 0 with probability `rate` and the others are scaled by 1 / (1 − rate).
 * @param inputs float32
 * @returns the same shape
 * @throws InvalidArgumentError where the rate is out of range. */
export function dropout(inputs: Tensor, options: DropoutLayerOptions = {}): Tensor {
  const { rate = 0.5, training = false, noiseShape, seed } = options;
  return layerScope("dropout", inputs, options, () => {
    const output = smartCond<Tensor>(
      training,
      () => drop(inputs, null, { rate, noiseShape, seed }),
      () => identity(inputs),
    );
    output.setShape(inputs.shape);
    return output;
  });
}
