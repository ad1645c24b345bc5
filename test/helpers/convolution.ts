/** The products that a convolution, dense or depthwise, sums up: its definition, for float64 references of it and its gradients. */

export type Pair = [height: number, width: number];

export interface Geometry {
  readonly N: number;
  readonly H: number;
  readonly W: number;
  readonly C: number;
  /** Output channels; C times the multiplier for a depthwise one. */
  readonly K: number;
  readonly filter: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  /** Of the output; worked out from the padding for "same" (the default) and "valid". */
  readonly output: Pair;
  readonly pads: Pair;
  readonly isDepthwise: boolean;
}

export type GeometryOptions = Partial<Geometry> & { readonly padding?: "same" | "valid" };

export function geometry({ padding, ...options }: GeometryOptions): Geometry {
  const g: Geometry = {
    N: 1,
    H: 7,
    W: 6,
    C: 3,
    K: options.isDepthwise ? (options.C ?? 3) : 8,
    filter: [3, 3],
    strides: [1, 1],
    dilations: [1, 1],
    output: [0, 0],
    pads: [0, 0],
    isDepthwise: false,
    ...options,
  };
  if (options.output) return g;
  const axes = [g.H, g.W].map((size, axis) => {
    const extent = (g.filter[axis] - 1) * g.dilations[axis] + 1;
    const stride = g.strides[axis];
    if (padding === "valid") return { output: Math.max(0, Math.ceil((size - extent + 1) / stride)), pad: 0 };
    const output = Math.ceil(size / stride);
    return { output, pad: Math.max((output - 1) * stride + extent - size, 0) >> 1 };
  });
  return { ...g, output: [axes[0].output, axes[1].output], pads: [axes[0].pad, axes[1].pad] };
}

/** The convolution, of dy with the rotated filter, that gives dx; for strides of 1. */
export function gradientGeometry(g: Geometry): Geometry {
  const pads: Pair = [(g.filter[0] - 1) * g.dilations[0] - g.pads[0], (g.filter[1] - 1) * g.dilations[1] - g.pads[1]];
  return { ...g, H: g.output[0], W: g.output[1], C: g.K, K: g.C, output: [g.H, g.W], pads };
}

/** The attribute block of the kernels, without an activation. */
export function blockOf(g: Geometry): number[] {
  const sizes = [g.N, g.H, g.W, g.C, ...g.output, g.K, ...g.filter];
  return [...sizes, ...g.strides, ...g.dilations, ...g.pads, 0];
}

/** Elements of x, filter and y. */
export function lengthsOf(g: Geometry): [x: number, filter: number, y: number] {
  const filter = g.filter[0] * g.filter[1] * (g.isDepthwise ? 1 : g.C) * g.K;
  return [g.N * g.H * g.W * g.C, filter, g.N * g.output[0] * g.output[1] * g.K];
}

/** Visits every product x[input] · filter[tap] that y[output] is a sum of. */
export function forEachProduct(g: Geometry, visit: (input: number, tap: number, output: number) => void): void {
  const multiplier = g.K / g.C;
  for (let pixel = 0; pixel < g.N * g.output[0] * g.output[1]; pixel++) {
    const p = pixel % g.output[1];
    const o = Math.floor(pixel / g.output[1]) % g.output[0];
    const n = Math.floor(pixel / (g.output[1] * g.output[0]));
    for (let u = 0; u < g.filter[0]; u++) {
      const i = o * g.strides[0] + u * g.dilations[0] - g.pads[0];
      if (i < 0 || i >= g.H) continue;
      for (let v = 0; v < g.filter[1]; v++) {
        const j = p * g.strides[1] + v * g.dilations[1] - g.pads[1];
        if (j < 0 || j >= g.W) continue;
        const position = u * g.filter[1] + v;
        for (let c = 0; c < g.C; c++) {
          const input = ((n * g.H + i) * g.W + j) * g.C + c;
          const [begin, end] = g.isDepthwise ? [c * multiplier, (c + 1) * multiplier] : [0, g.K];
          const row = g.isDepthwise ? position : position * g.C + c;
          for (let k = begin; k < end; k++) visit(input, row * g.K + k, pixel * g.K + k);
        }
      }
    }
  }
}

/** Sums in float64 with what their rounding errors are measured by. */
export class Sums {
  readonly values: Float64Array;
  readonly #magnitudes: Float64Array;
  readonly #terms: Float64Array;

  constructor(length: number) {
    this.values = new Float64Array(length);
    this.#magnitudes = new Float64Array(length);
    this.#terms = new Float64Array(length);
  }

  add(index: number, value: number): void {
    this.values[index] += value;
    this.#magnitudes[index] += Math.abs(value);
    this.#terms[index]++;
  }

  /** Of a float32 sum of n terms: 2 √n roundings of its sum of magnitudes, and never more than n. */
  readonly tolerance = (index: number): number => {
    const terms = this.#terms[index];
    return Math.min(2 * Math.sqrt(terms), terms) * 2 ** -24 * this.#magnitudes[index] + 1e-30;
  };
}

/** y, dx and dw in float64. */
export function reference(
  g: Geometry,
  x: ArrayLike<number>,
  filter: ArrayLike<number>,
  dy: ArrayLike<number>,
): { y: Sums; dx: Sums; dw: Sums } {
  const [y, dx, dw] = [new Sums(dy.length), new Sums(x.length), new Sums(filter.length)];
  forEachProduct(g, (input, tap, output) => {
    y.add(output, x[input] * filter[tap]);
    dx.add(input, dy[output] * filter[tap]);
    dw.add(tap, x[input] * dy[output]);
  });
  return { y, dx, dw };
}
