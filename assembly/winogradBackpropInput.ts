// The gradient of a 3 x 3 convolution of stride 2 with respect to its input, by Winograd's minimal filtering: see winogradTransform9.ts.
// (With stride 1 it is a convolution itself, which winograd.ts computes.)
//
// A tile is 8 x 8 elements of dx, from 5 x 5 of dy. Each of the 81 elements that its transform takes is a product of two matrices:
// of the transformed tiles, of which the 81 have 25 different ones, and of the transformed filter.

import * as conv2d from "./conv2d";
import * as gemm from "./gemm";
import { bytesOf, LANES, roundUp } from "./lib/simd";
import { tilesOfBlock } from "./winograd";
import { packTransformedBack } from "./winogradFilter";
import * as tiles from "./winogradTiles";
import * as transform from "./winogradTransform";

const INPUT_PLANES: i32 = 25;
const PLANES: i32 = 81;

function tileRows(g: conv2d.Geometry): i32 {
  return (g.H + g.padTop + 2 * transform.OUTPUTS - 1) / (2 * transform.OUTPUTS);
}
function tileColumns(g: conv2d.Geometry): i32 {
  return (g.W + g.padLeft + 2 * transform.OUTPUTS - 1) / (2 * transform.OUTPUTS);
}
function blockTiles(g: conv2d.Geometry): i32 {
  const floats = INPUT_PLANES * roundUp(g.K, LANES) + PLANES * roundUp(g.C, LANES);
  return tilesOfBlock(floats, g.N * tileRows(g) * tileColumns(g));
}

/** Bytes from plane to plane of the transformed filter, of a block's transformed tiles and of their products. */
function filterPitch(g: conv2d.Geometry): i32 {
  return gemm.packedBytes(g.K, g.C) + 320;
}
function inputPitch(g: conv2d.Geometry): i32 {
  return tiles.planePitch(blockTiles(g) * roundUp(g.K, LANES) * 4);
}
function productPitch(g: conv2d.Geometry): i32 {
  return tiles.planePitch(blockTiles(g) * roundUp(g.C, LANES) * 4);
}

/** Bytes of the transformed filter of `conv2dWinogradBackpropInputPackFilter`. */
export function conv2dWinogradBackpropInputPackedBytes(geometry: usize): i32 {
  return PLANES * filterPitch(changetype<conv2d.Geometry>(geometry));
}

/**
 * Transforms `filter` float32 [3, 3, C, K] for `conv2dWinogradBackpropInput`. `packed` is 16-byte aligned, overwritten; `scratch` of
 * `conv2dWinogradPackScratchBytes`. No two of them overlap.
 */
export function conv2dWinogradBackpropInputPackFilter(
  packed: usize,
  filter: usize,
  scratch: usize,
  geometry: usize,
): void {
  const g = changetype<conv2d.Geometry>(geometry);
  packTransformedBack(3, 9, packed, filterPitch(g), filter, g.K, g.C, scratch);
}

// Scratch: Product, input and output images and the position of each, segment table, row table, zeros, a tile, lines, planes.
const INPUT: usize = 32;
const OUTPUT: usize = INPUT + tiles.IMAGES_BYTES;
const READ: usize = OUTPUT + tiles.IMAGES_BYTES;
const WRITTEN: usize = READ + tiles.POSITION_BYTES;
const SEGMENT_TABLE: usize = WRITTEN + tiles.POSITION_BYTES;
const ROW_TABLE: usize = SEGMENT_TABLE + 16;

function zerosOffset(g: conv2d.Geometry): i32 {
  return <i32>ROW_TABLE + blockTiles(g) * 4;
}
function tileOffset(g: conv2d.Geometry): i32 {
  return zerosOffset(g) + roundUp(g.C, gemm.PANEL) * 4;
}
function linesOffset(g: conv2d.Geometry): i32 {
  return tileOffset(g) + <i32>tiles.TILE_BYTES;
}
function planesOffset(g: conv2d.Geometry): i32 {
  return linesOffset(g) + tiles.linesBytes(g.outputW, g.K);
}

/** Bytes of the scratch memory of `conv2dWinogradBackpropInput`. */
export function conv2dWinogradBackpropInputScratchBytes(geometry: usize): i32 {
  const g = changetype<conv2d.Geometry>(geometry);
  if (conv2d.isEmpty(g)) return 0;
  return planesOffset(g) + INPUT_PLANES * inputPitch(g) + PLANES * productPitch(g);
}

/**
 * What conv2dBackpropInput computes, within Winograd's rounding, for strides of 2, dilations of 1 and 3 x 3: dx [N, H, W, C] is
 * overwritten; dy [N, outputH, outputW, K]; `packed` from `conv2dWinogradBackpropInputPackFilter`; `scratch` of
 * `conv2dWinogradBackpropInputScratchBytes`, 16-byte aligned. No two of them overlap. Float32 throughout.
 * Order: an element of a tile's product sums over k in ascending order; what a tile gives depends on its own inputs only.
 */
export function conv2dWinogradBackpropInput(
  dx: usize,
  dy: usize,
  packed: usize,
  scratch: usize,
  geometry: usize,
): void {
  const g = changetype<conv2d.Geometry>(geometry);
  if (conv2d.isEmpty(g)) {
    memory.fill(dx, 0, bytesOf(g.N * g.H * g.W * g.C));
    return;
  }
  const columns = roundUp(g.C, LANES);
  const rowBytes = bytesOf(roundUp(g.K, LANES));
  const block = blockTiles(g);
  const product = changetype<gemm.Product>(scratch);
  product.rowTable = scratch + ROW_TABLE;
  product.segmentTable = scratch + SEGMENT_TABLE;
  product.segments = 1;
  product.segmentBytes = bytesOf(g.K);
  product.pitch = bytesOf(columns);
  product.bias = scratch + <usize>zerosOffset(g);
  product.activation = gemm.ACTIVATION_NONE;
  store<u32>(product.segmentTable, 0);
  for (let t = 0; t < block; t++) store<u32>(product.rowTable + bytesOf(t), <u32>(<usize>t * rowBytes));
  memory.fill(product.bias, 0, bytesOf(roundUp(g.C, gemm.PANEL)));

  const input = changetype<tiles.Images>(scratch + INPUT);
  const output = changetype<tiles.Images>(scratch + OUTPUT);
  tiles.layOut(input, dy, g.N, g.outputH, g.outputW, g.K, tileRows(g), tileColumns(g), -1, -1);
  tiles.prepareLines(input, scratch + <usize>linesOffset(g));
  tiles.layOut(output, dx, g.N, g.H, g.W, g.C, tileRows(g), tileColumns(g), -g.padTop, -g.padLeft);
  memory.fill(scratch + READ, 0, 2 * tiles.POSITION_BYTES);
  const read = changetype<tiles.Position>(scratch + READ);
  const written = changetype<tiles.Position>(scratch + WRITTEN);
  const tile = scratch + <usize>tileOffset(g);
  const inputs = scratch + <usize>planesOffset(g);
  const inputStep = <usize>inputPitch(g);
  const products = inputs + <usize>INPUT_PLANES * inputStep;
  const productStep = <usize>productPitch(g);
  const filterStep = <usize>filterPitch(g);
  for (let left = g.N * tileRows(g) * tileColumns(g); left > 0; left -= block) {
    const count = min(block, left);
    tiles.transformInput<transform.Points5>(inputs, rowBytes, inputStep, input, read, count, tile);
    let filter = packed;
    let to = products;
    for (let q = 0; q < PLANES; q++) {
      const from = inputs + <usize>transform.outputPlane(q, 1) * inputStep;
      gemm.multiply(to, from, filter, count, columns, g.K, product);
      filter += filterStep;
      to += productStep;
    }
    tiles.transformOutput<transform.Points9>(products, product.pitch, productStep, output, written, count, 0, 0, tile);
  }
}
