/** tf.layers. */
export { batchNormalization, type BatchNormalizationOptions } from "./batchNormalization.ts";
export { conv2d, type Conv2dLayerOptions } from "./conv2d.ts";
export { conv2dTranspose, type Conv2dTransposeLayerOptions } from "./conv2dTranspose.ts";
export { dense, flatten, type DenseOptions } from "./dense.ts";
export { dropout, type DropoutLayerOptions } from "./dropout.ts";
export { averagePooling2d, maxPooling2d, type Pooling2dOptions } from "./pooling.ts";
export { separableConv2d, type SeparableConv2dLayerOptions } from "./separableConv2d.ts";
