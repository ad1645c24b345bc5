// Two-dimensional convolution by Winograd's minimal filtering (winogradTransform.ts): of stride 1 with a filter of 3 x 3,
// F(4 x 4, 3 x 3), 2.25 products an output instead of 9, or of 5 x 5, F(4 x 4, 5 x 5), 4 instead of 25; and of stride 2 with 3 x 3
// (winogradTransform9.ts), 5.06 instead of 9.
//
// Tiles are taken in blocks small enough for the transformed ones and their products to stay in the second-level cache. For
// each of the 36 or 64 elements of a tile the block is a product of two matrices, of the transformed tiles and the transformed filter.
// With stride 2 the 81 elements of an input's tile go into 25 such products: up to four follow each other in the depth of one.

import * as conv2d from "./conv2d";
import * as gemm from "./gemm";
import { bytesOf, LANES, roundUp } from "./lib/simd";
import * as backpropInput from "./winogradBackpropInput";
import * as tiles from "./winogradTiles";
import { packStrided, packTransformed, packTransformedBack, SCRATCH_BYTES } from "./winogradFilter";
import * as transform from "./winogradTransform";

/** Aim for the transformed tiles of a block and their products together, in bytes. */
const BLOCK_BYTES: i32 = 200 << 10;
/** Fewest tiles of a block: each element of the transformed filter is loaded for as many. */
const MIN_TILES: i32 = 32;

/** Tiles of a block, a multiple of the products' rows, where one takes `floats` floats and there are `tiles`. */
export function tilesOfBlock(floats: i32, tiles: i32): i32 {
  return min(roundUp(tiles, gemm.TILE), max(MIN_TILES, (BLOCK_BYTES / (floats * 4)) & -gemm.TILE));
}

export function blockTiles(g: conv2d.Geometry): i32 {
  const floats = inputPlanes(g) * roundUp(g.C, LANES) + outputPlanes(g) * roundUp(g.K, LANES);
  return tilesOfBlock(floats, g.N * tileRows(g) * tileColumns(g));
}

/** Planes of a block: the elements of a tile, of the input and of the output. */
export function inputPlanes(g: conv2d.Geometry): i32 {
  return g.strideH == 2 ? 81 : outputPlanes(g);
}

export function outputPlanes(g: conv2d.Geometry): i32 {
  const points = g.strideH == 2 ? transform.OUTPUTS + 1 : g.filterH + transform.OUTPUTS - 1;
  return points * points;
}

export function tileRows(g: conv2d.Geometry): i32 {
  return (g.outputH + transform.OUTPUTS - 1) / transform.OUTPUTS;
}

export function tileColumns(g: conv2d.Geometry): i32 {
  return (g.outputW + transform.OUTPUTS - 1) / transform.OUTPUTS;
}

/** Bytes from plane to plane of a transformed filter. */
function filterPitch(g: conv2d.Geometry): i32 {
  return gemm.packedBytes(g.strideH == 2 ? 4 * g.C : g.C, g.K) + 320;
}

/** Bytes from plane to plane of a block's transformed tiles with `channels` channels. */
export function blockPitch(g: conv2d.Geometry, channels: i32): i32 {
  return tiles.planePitch(blockTiles(g) * roundUp(channels, LANES) * 4);
}

/** Bytes of the transformed filter of either function that transforms one. */
export function conv2dWinogradPackedBytes(geometry: usize): i32 {
  const g = changetype<conv2d.Geometry>(geometry);
  return max(outputPlanes(g) * filterPitch(g), g.strideH == 2 ? backpropInput.packedBytes(g) : 0);
}

/** Bytes of the scratch memory of both functions that transform a filter. */
export function conv2dWinogradPackScratchBytes(): i32 {
  return SCRATCH_BYTES;
}

/**
 * Transforms `filter` float32 [3, 3, C, K] or [5, 5, C, K] for `conv2dWinograd`.
 * `packed` is 16-byte aligned, `conv2dWinogradPackedBytes` long, overwritten; `scratch` of `conv2dWinogradPackScratchBytes`. No two
 * of them overlap.
 */
export function conv2dWinogradPackFilter(packed: usize, filter: usize, scratch: usize, geometry: usize): void {
  const g = changetype<conv2d.Geometry>(geometry);
  if (g.strideH == 2) packStrided(packed, filterPitch(g), filter, g.C, g.K, scratch);
  else packTransformed(g.filterH, packed, filterPitch(g), filter, g.C, g.K, scratch);
}

/**
 * Transforms the filter of a convolution for its gradient with respect to the input, which is a convolution as well, with the
 * filter rotated and transposed. `geometry` is that of the gradient: it has K as its channels C, and C as its channels K.
 * `filter` float32 [3, 3, geometry.K, geometry.C] or [5, 5, ...]; else as `conv2dWinogradPackFilter`.
 * With a stride of 2 the gradient is no convolution, but `conv2dWinogradBackpropInput`: `geometry` is that of the convolution.
 */
export function conv2dWinogradPackTransposedFilter(
  packed: usize,
  filter: usize,
  scratch: usize,
  geometry: usize,
): void {
  const g = changetype<conv2d.Geometry>(geometry);
  if (g.strideH == 2) backpropInput.packFilter(packed, filter, scratch, g);
  else packTransformedBack(g.filterH, g.filterH + 3, packed, filterPitch(g), filter, g.C, g.K, scratch);
}

// Scratch: Product, input and output images and the position of each, segment table, row table, zeros, bias,
// a tile, lines, planes, stage.
const INPUT: usize = 32;
const OUTPUT: usize = INPUT + tiles.IMAGES_BYTES;
const READ: usize = OUTPUT + tiles.IMAGES_BYTES;
const WRITTEN: usize = READ + tiles.POSITION_BYTES;
const SEGMENT_TABLE: usize = WRITTEN + tiles.POSITION_BYTES;
const ROW_TABLE: usize = SEGMENT_TABLE + 32;

function zerosOffset(g: conv2d.Geometry): i32 {
  return <i32>ROW_TABLE + blockTiles(g) * 4;
}
function biasOffset(g: conv2d.Geometry): i32 {
  return zerosOffset(g) + roundUp(g.K, gemm.PANEL) * 4;
}
function tileOffset(g: conv2d.Geometry): i32 {
  return biasOffset(g) + roundUp(g.K, gemm.PANEL) * 4;
}
function linesOffset(g: conv2d.Geometry): i32 {
  return tileOffset(g) + <i32>tiles.TILE_BYTES;
}
function inputOffset(g: conv2d.Geometry): i32 {
  return linesOffset(g) + tiles.linesBytes(g.W, g.C);
}
function productOffset(g: conv2d.Geometry): i32 {
  return inputOffset(g) + inputPlanes(g) * blockPitch(g, g.C);
}

function stageOffset(g: conv2d.Geometry): i32 {
  return productOffset(g) + outputPlanes(g) * blockPitch(g, g.K);
}
function stageBytes(g: conv2d.Geometry): i32 {
  return tiles.stageBytes(g.N, g.outputH, g.outputW, g.K, transform.OUTPUTS);
}

/** Bytes of the scratch memory of `conv2dWinograd`. */
export function conv2dWinogradScratchBytes(geometry: usize): i32 {
  const g = changetype<conv2d.Geometry>(geometry);
  if (conv2d.isEmpty(g)) return 0;
  return stageOffset(g) + stageBytes(g);
}

/** How the tiles of a convolution lie on its input x [N, H, W, C]; `lines` as `prepareLines` wants it. */
export function layOutInput(images: tiles.Images, x: usize, g: conv2d.Geometry, lines: usize): void {
  tiles.layOut(images, x, g.N, g.H, g.W, g.C, tileRows(g), tileColumns(g), -g.padTop, -g.padLeft);
  tiles.prepareLines(images, lines);
}

/** The same for its output y [N, outputH, outputW, K]. */
export function layOutOutput(images: tiles.Images, y: usize, g: conv2d.Geometry): void {
  tiles.layOut(images, y, g.N, g.outputH, g.outputW, g.K, tileRows(g), tileColumns(g), 0, 0);
}

/**
 * What conv2d computes, within Winograd's rounding, for dilations of 1, strides of 1 and filters of 3 x 3 and 5 x 5, or strides of 2
 * and 3 x 3: y [N, outputH, outputW, K] is overwritten; x [N, H, W, C]; `packed` from `conv2dWinogradPackFilter` or, for a gradient,
 * `conv2dWinogradPackTransposedFilter`; `bias` [K] or 0 for none; `scratch` of `conv2dWinogradScratchBytes`, 16-byte aligned. No two
 * of them overlap. The padding may be below 0. Float32 throughout.
 * Order: an element of a tile's product sums over c in ascending order, with stride 2 over even rows and columns first; what a tile
 * gives depends on its own inputs only. So an infinite or NaN input may make outputs of a tile NaN that do not see it, and an infinite one those NaN that do.
 */
export function conv2dWinograd(y: usize, x: usize, packed: usize, bias: usize, scratch: usize, geometry: usize): void {
  const g = changetype<conv2d.Geometry>(geometry);
  if (conv2d.isEmpty(g)) return;
  const columns = roundUp(g.K, LANES);
  const inputPitch = bytesOf(roundUp(g.C, LANES));
  const product = changetype<gemm.Product>(scratch);
  product.rowTable = scratch + ROW_TABLE;
  product.segmentTable = scratch + SEGMENT_TABLE;
  product.segments = 1;
  product.segmentBytes = bytesOf(g.C);
  product.pitch = bytesOf(columns);
  product.bias = scratch + <usize>zerosOffset(g);
  product.activation = gemm.ACTIVATION_NONE;
  const block = blockTiles(g);
  store<u32>(product.segmentTable, 0);
  for (let t = 0; t < block; t++) store<u32>(product.rowTable + bytesOf(t), <u32>(<usize>t * inputPitch));
  const biases = scratch + <usize>biasOffset(g);
  memory.fill(product.bias, 0, 2 * bytesOf(roundUp(g.K, gemm.PANEL)));
  if (bias) memory.copy(biases, bias, bytesOf(g.K));

  const input = changetype<tiles.Images>(scratch + INPUT);
  const output = changetype<tiles.Images>(scratch + OUTPUT);
  layOutInput(input, x, g, scratch + <usize>linesOffset(g));
  layOutOutput(output, y, g);
  output.stage = stageBytes(g) ? scratch + <usize>stageOffset(g) : 0;
  memory.fill(scratch + READ, 0, 2 * tiles.POSITION_BYTES);
  const tile = scratch + <usize>tileOffset(g);
  const inputs = scratch + <usize>inputOffset(g);
  const products = scratch + <usize>productOffset(g);
  const inputStep = <usize>blockPitch(g, g.C);
  const productStep = <usize>blockPitch(g, g.K);
  const filterStep = <usize>filterPitch(g);
  for (let left = g.N * output.rows * output.columns; left > 0; left -= block) {
    const count = min(block, left);
    const read = changetype<tiles.Position>(scratch + READ);
    if (g.strideH == 2)
      tiles.transformInput<transform.Points9>(inputs, inputPitch, inputStep, input, read, count, tile);
    else if (g.filterH == 3)
      tiles.transformInput<transform.Points6>(inputs, inputPitch, inputStep, input, read, count, tile);
    else tiles.transformInput<transform.Points8>(inputs, inputPitch, inputStep, input, read, count, tile);
    let from = inputs;
    let filter = packed;
    let to = products;
    for (let q = 0; q < outputPlanes(g); q++) {
      if (g.strideH == 2) from = inputs + layOutSegments(product, q, inputStep);
      gemm.multiply(to, from, filter, count, columns, product.segments * g.C, product);
      from += inputStep;
      filter += filterStep;
      to += productStep;
    }
    const written = changetype<tiles.Position>(scratch + WRITTEN);
    const pitch = product.pitch;
    const activation = g.activation;
    if (g.strideH == 2)
      tiles.transformOutput<transform.Points5>(
        products,
        pitch,
        productStep,
        output,
        written,
        count,
        biases,
        activation,
        tile,
      );
    else if (g.filterH == 3)
      tiles.transformOutput<transform.Points6>(
        products,
        pitch,
        productStep,
        output,
        written,
        count,
        biases,
        activation,
        tile,
      );
    else
      tiles.transformOutput<transform.Points8>(
        products,
        pitch,
        productStep,
        output,
        written,
        count,
        biases,
        activation,
        tile,
      );
  }
}

/**
 * Stride 2: the planes of the input that are summed for plane `q` of the output, as segments of the product's rows; the offset of the
 * first. Plane (a, b) of the input is of even rows up to a = 4 and of odd ones behind, columns likewise; odd ones have no fifth.
 */
function layOutSegments(product: gemm.Product, q: i32, step: usize): usize {
  const i = q / 5;
  const j = q % 5;
  const odd = <u32>step * 5;
  let entry = product.segmentTable;
  for (let a: u32 = 0; a < (i < 4 ? 10 * 9 : 9); a += 5 * 9) {
    store<u32>(entry, a * <u32>step);
    entry += 4;
    if (j == 4) continue;
    store<u32>(entry, a * <u32>step + odd);
    entry += 4;
  }
  product.segments = <i32>(entry - product.segmentTable) >> 2;
  return <usize>(i * 9 + j) * step;
}
