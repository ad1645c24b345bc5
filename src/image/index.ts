/** tf.image: resizing. */
export { resizeBilinear, resizeNearestNeighbor, type ResizeOptions } from "../ops/resize.ts";
