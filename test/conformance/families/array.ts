/** Family array: operations that move, pick and resize elements, by the manifest's name of the operation; with gradients. */
import { dtypeFromName } from "../../../src/graph/dtype.ts";
import * as tf from "../../../src/index.ts";
import { Unsupported, type Attributes, type GoldenCase } from "../goldenCase.ts";
import { evaluate, type Adapter, type Inputs } from "./adapter.ts";
import { gradientsOf } from "./gradients.ts";

type Outputs = { readonly [output: string]: tf.Tensor };
type Builder = (input: Inputs, golden: GoldenCase) => Outputs;

/** Inputs in the manifest's order, without the gradient arriving at y. */
function operands(input: Inputs, golden: GoldenCase): tf.Tensor[] {
  return [...golden.inputs.keys()].filter((name) => name !== "grad_y").map(input);
}

function shapeOf(golden: GoldenCase, output: string): readonly number[] {
  return golden.outputs.get(output)!.value.shape;
}

function flag(attrs: Attributes, name: string): boolean {
  return attrs.has(name) && attrs.boolean(name);
}

/** Python's subscript as text, "[1:6:2, ::-1]", to bounds and masks. */
function subscript(spec: string): Parameters<typeof tf.stridedSlice> extends [unknown, ...infer Rest] ? Rest : never {
  const [begin, end, strides]: number[][] = [[], [], []];
  const masks = { beginMask: 0, endMask: 0, ellipsisMask: 0, newAxisMask: 0, shrinkAxisMask: 0 };
  const items = spec
    .replace(/^\[|\]$/g, "")
    .split(",")
    .map((item) => item.trim());
  items.forEach((item, i) => {
    const bit = 1 << i;
    const [from, to, step] = item.split(":");
    if (item === "...") masks.ellipsisMask |= bit;
    else if (item.endsWith("newaxis") || item === "None") masks.newAxisMask |= bit;
    else if (to === undefined) masks.shrinkAxisMask |= bit;
    else {
      if (from === "") masks.beginMask |= bit;
      if (to === "") masks.endMask |= bit;
    }
    const number = (text: string | undefined, otherwise: number): number => (text && Number(text)) || otherwise;
    const plain = /^-?\d+$/.test(from);
    begin.push(plain ? Number(from) : 0);
    end.push(to === undefined ? (plain ? Number(from) + 1 : 0) : number(to, 0));
    strides.push(number(step, 1));
  });
  return [begin, end, strides, masks] as never;
}

const resized =
  (resize: typeof tf.image.resizeBilinear): Builder =>
  (input, { attrs }) => ({
    y: resize(input("x"), attrs.pair("size"), {
      alignCorners: flag(attrs, "align_corners"),
      halfPixelCenters: flag(attrs, "half_pixel_centers"),
    }),
  });

/** Nested pairs of an attribute, which Attributes reads only in twos. */
function paddings(golden: GoldenCase): number[][] {
  return golden.attrs.table("paddings");
}

const padding: Builder = (input, golden) => ({
  y: tf.pad(input("x"), paddings(golden), {
    mode: golden.attrs.has("mode") ? (golden.attrs.string("mode") as "CONSTANT") : "CONSTANT",
    constantValues: golden.attrs.has("constant_values") ? golden.attrs.number("constant_values") : 0,
  }),
});

const builders: { readonly [op: string]: Builder | undefined } = {
  Reshape: (input, { attrs }) => ({ y: tf.reshape(input("x"), attrs.numbers("shape")) }),
  Transpose: (input, { attrs }) => ({ y: tf.transpose(input("x"), attrs.numbers("perm")) }),
  Tile: (input, { attrs }) => ({ y: tf.tile(input("x"), attrs.numbers("multiples")) }),
  ConcatV2: (input, golden) => ({ y: tf.concat(operands(input, golden), golden.attrs.number("axis")) }),
  Pack: (input, golden) => ({ y: tf.stack(operands(input, golden), golden.attrs.number("axis")) }),
  Slice: (input, { attrs }) => ({ y: tf.slice(input("x"), attrs.numbers("begin"), attrs.numbers("size")) }),
  StridedSlice: (input, { attrs }) => ({ y: tf.stridedSlice(input("x"), ...subscript(attrs.string("spec"))) }),
  Split: (input, golden) => {
    const axis = golden.attrs.number("axis");
    const names = [...golden.outputs.keys()].filter((name) => /^y\d*$/.test(name));
    const sizes = names.map((name) => shapeOf(golden, name).at(axis)!);
    // The last takes what the others leave, expected or not.
    const parts = tf.split(input("x"), [...sizes.slice(0, -1), -1], axis);
    return Object.fromEntries(names.map((name, i) => [name, parts[i]]));
  },
  Unpack: (input, golden) => {
    const parts = tf.unstack(input("x"), { axis: golden.attrs.has("axis") ? golden.attrs.number("axis") : 0 });
    const names = [...golden.outputs.keys()].filter((name) => /^y\d*$/.test(name));
    return Object.fromEntries(names.map((name, i) => [name, parts[i]]));
  },
  ReverseV2: (input, { attrs }) => ({
    y: tf.reverse(input("x"), attrs.has("axes") ? attrs.numbers("axes") : [attrs.number("axis")]),
  }),
  SpaceToDepth: (input, { attrs }) => ({ y: tf.spaceToDepth(input("x"), attrs.number("block_size")) }),
  DepthToSpace: (input, { attrs }) => ({ y: tf.depthToSpace(input("x"), attrs.number("block_size")) }),
  Cumsum: (input, { attrs }) => ({
    y: tf.cumsum(input("x"), attrs.number("axis"), {
      exclusive: flag(attrs, "exclusive"),
      reverse: flag(attrs, "reverse"),
    }),
  }),
  BroadcastTo: (input, golden) => ({ y: tf.broadcastTo(input("x"), shapeOf(golden, "y")) }),
  GatherNd: (input) => ({ y: tf.gatherNd(input("x"), input("indices")) }),
  "ExpandDims/Squeeze": (input, { attrs }) => {
    const axis = attrs.number("expand_axis");
    const y = tf.expandDims(input("x"), axis);
    return { y, squeezed: tf.squeeze(y, [axis]) };
  },
  PadV2: padding,
  Pad: padding,
  MirrorPad: padding,
  GatherV2: (input, { attrs }) => ({ y: tf.gather(input("x"), input("indices"), { axis: attrs.number("axis") }) }),
  OneHot: (input, { attrs }) => ({ y: tf.oneHot(input("indices"), attrs.number("depth")) }),
  Cast: (input, golden) => ({ y: tf.cast(input("x"), dtypeFromName(golden.outputs.get("y")!.value.dtype)) }),
  Round: (input) => ({ y: tf.round(input("x")) }),
  TopKV2: (input, { attrs }) => {
    const { values, indices } = tf.nn.topK(input("x"), attrs.number("k"), { sorted: attrs.boolean("sorted") });
    return { y: values, indices };
  },
  InTopK: (input, { attrs }) => ({ y: tf.nn.inTopK(input("x"), input("targets"), attrs.number("k")) }),
  "equal(argmax)": (input) => {
    const best = tf.argmax(input("logits"), 1, { outputType: tf.int32 });
    return { y: tf.reduceMean(tf.cast(tf.equal(best, input("labels")), tf.float32)) };
  },
  ResizeBilinear: resized(tf.image.resizeBilinear),
  ResizeNearestNeighbor: resized(tf.image.resizeNearestNeighbor),
  LRN: (input, { attrs }) => ({
    y: tf.nn.localResponseNormalization(input("x"), {
      depthRadius: attrs.number("depth_radius"),
      bias: attrs.number("bias"),
      alpha: attrs.number("alpha"),
      beta: attrs.number("beta"),
    }),
  }),
};

export const array: Adapter = (golden) => {
  const build = builders[golden.op];
  if (!build) throw new Unsupported(golden.op);
  return evaluate(golden, (input) => {
    const outputs = build(input, golden);
    return { ...outputs, ...gradientsOf(golden, outputs.y, input) };
  });
};
