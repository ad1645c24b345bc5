// The convolutions that are compared with peers: operands, and results in one layout for all.

/** A square convolution, padded by (window - 1) / 2 on each side. */
export interface ConvShape {
  readonly batch: number;
  /** Height and width. */
  readonly size: number;
  readonly channels: number;
  readonly filters: number;
  readonly window: number;
  readonly stride: number;
}

export const convShapes: readonly ConvShape[] = [
  { batch: 1, size: 100, channels: 3, filters: 32, window: 3, stride: 2 },
  { batch: 64, size: 28, channels: 1, filters: 32, window: 5, stride: 1 },
  { batch: 64, size: 14, channels: 32, filters: 64, window: 5, stride: 1 },
  { batch: 32, size: 32, channels: 16, filters: 16, window: 3, stride: 1 },
  { batch: 32, size: 16, channels: 32, filters: 32, window: 3, stride: 1 },
  { batch: 32, size: 8, channels: 64, filters: 64, window: 3, stride: 1 },
];

export function nameOf({ batch, size, channels, filters, window, stride }: ConvShape): string {
  return `${batch}x${size}x${size}x${channels} → ${filters}, ${window}x${window}${stride === 1 ? "" : `/${stride}`}`;
}

export interface Values {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** x as N, H, W, C; w as H, W, C, K; dy as N, H', W', K. */
export interface Operands {
  readonly x: Values;
  readonly w: Values;
  readonly dy: Values;
}

/** One thing that is timed. Its results are y, or dX, dW and dB as far as the variant names them, in trainlet's layouts. */
export interface Pass {
  readonly variant: "forward" | "dX" | "dX+dW" | "dX+dW+dB";
  step(): unknown;
  results(): Promise<Float32Array[]>;
}

export function operandsOf({ batch, size, channels, filters, window, stride }: ConvShape): Operands {
  const out = Math.ceil(size / stride);
  return {
    x: values([batch, size, size, channels], 1),
    w: values([window, window, channels, filters], 2),
    dy: values([batch, out, out, filters], 3),
  };
}

/** Between -1 and 1. */
function values(shape: readonly number[], seed: number): Values {
  let state = seed;
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
  return { data, shape };
}

/** Dimension i of the result is dimension order[i] of the given one. */
function permuted(data: Float32Array, shape: readonly number[], order: readonly number[]): Float32Array {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const [sizes, steps] = [order.map((i) => shape[i]), order.map((i) => strides[i])];
  const result = new Float32Array(data.length);
  let at = 0;
  for (let a = 0; a < sizes[0]; a++)
    for (let b = 0; b < sizes[1]; b++)
      for (let c = 0; c < sizes[2]; c++)
        for (let d = 0; d < sizes[3]; d++)
          result[at++] = data[a * steps[0] + b * steps[1] + c * steps[2] + d * steps[3]];
  return result;
}

export function nchw(data: Float32Array, shape: readonly number[]): Float32Array {
  return permuted(data, shape, [0, 3, 1, 2]);
}

export function oihw(data: Float32Array, shape: readonly number[]): Float32Array {
  return permuted(data, shape, [3, 2, 0, 1]);
}

/** Back to N, H, W, C, which `shape` is. */
export function fromNchw(data: Float32Array, [n, h, w, c]: readonly number[]): Float32Array {
  return permuted(data, [n, c, h, w], [0, 2, 3, 1]);
}

/** Back to H, W, C, K, which `shape` is. */
export function fromOihw(data: Float32Array, [h, w, c, k]: readonly number[]): Float32Array {
  return permuted(data, [k, c, h, w], [2, 3, 1, 0]);
}
