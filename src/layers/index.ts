/** tf.layers. */
export { batchNormalization, type BatchNormalizationOptions } from "./batchNormalization.ts";
export { conv2d, type Conv2dLayerOptions } from "./conv2d.ts";
