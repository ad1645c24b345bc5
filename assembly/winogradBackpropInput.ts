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
import { BACK_TAP_SCALES } from "./winogradTransform9";
import * as tiles from "./winogradTiles";
import * as transform from "./winogradTransform";

const INPUT_PLANES: i32 = 25;
const PLANES: i32 = 81;

/** Where a tile begins: an even element of the padded input, or, if the padding is odd, an odd one, which is the image's first. */
function beginOf(pad: i32): i32 {
  return -(pad & -2);
}
function tileRows(g: conv2d.Geometry): i32 {
  return (g.H - beginOf(g.padTop) + 2 * transform.OUTPUTS - 1) / (2 * transform.OUTPUTS);
}
function tileColumns(g: conv2d.Geometry): i32 {
  return (g.W - beginOf(g.padLeft) + 2 * transform.OUTPUTS - 1) / (2 * transform.OUTPUTS);
}
/** The first line of dy that such a tile is made of. */
function seenFrom(pad: i32): i32 {
  return (pad & 1) - 1;
}
/** Which of the transformed tile's lines element `a` of the 9 takes. */
function lineOf(a: i32, pad: i32): i32 {
  if (a < 5) return a;
  return a == 7 && pad & 1 ? 0 : a - 4;
}
/** How often the single tap is taken. */
function scalesOf(pad: i32): usize {
  return BACK_TAP_SCALES + ((<usize>pad & 1) << 4);
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

/** Bytes of the transformed filter. */
export function packedBytes(g: conv2d.Geometry): i32 {
  return PLANES * filterPitch(g);
}

/** Transforms `filter` float32 [3, 3, C, K]: see `conv2dWinogradPackTransposedFilter`. */
export function packFilter(packed: usize, filter: usize, scratch: usize, g: conv2d.Geometry): void {
  const pitch = filterPitch(g);
  packTransformedBack(3, 9, packed, pitch, filter, g.K, g.C, scratch, scalesOf(g.padTop), scalesOf(g.padLeft));
}

// Scratch: Product, input and output images and the position of each, segment table, row table, zeros,
// a tile, lines, planes, stage.
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

function stageOffset(g: conv2d.Geometry): i32 {
  return planesOffset(g) + INPUT_PLANES * inputPitch(g) + PLANES * productPitch(g);
}
function stageBytes(g: conv2d.Geometry): i32 {
  return tiles.stageBytes(g.N, g.H, g.W, g.C, 2 * transform.OUTPUTS);
}

/** Bytes of the scratch memory of `conv2dWinogradBackpropInput`. */
export function conv2dWinogradBackpropInputScratchBytes(geometry: usize): i32 {
  const g = changetype<conv2d.Geometry>(geometry);
  if (conv2d.isEmpty(g)) return 0;
  return stageOffset(g) + stageBytes(g);
}

/**
 * What conv2dBackpropInput computes, within Winograd's rounding, for strides of 2, dilations of 1 and 3 x 3: dx [N, H, W, C] is
 * overwritten; dy [N, outputH, outputW, K]; `packed` from `conv2dWinogradPackTransposedFilter`; `scratch` of
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
  const rows = tileRows(g);
  const columns = tileColumns(g);
  const channels = roundUp(g.C, LANES);
  const rowBytes = bytesOf(roundUp(g.K, LANES));
  const block = blockTiles(g);
  const product = changetype<gemm.Product>(scratch);
  product.rowTable = scratch + ROW_TABLE;
  product.segmentTable = scratch + SEGMENT_TABLE;
  product.segments = 1;
  product.segmentBytes = bytesOf(g.K);
  product.pitch = bytesOf(channels);
  product.bias = scratch + <usize>zerosOffset(g);
  product.activation = gemm.ACTIVATION_NONE;
  store<u32>(product.segmentTable, 0);
  for (let t = 0; t < block; t++) store<u32>(product.rowTable + bytesOf(t), <u32>(<usize>t * rowBytes));
  memory.fill(product.bias, 0, bytesOf(roundUp(g.C, gemm.PANEL)));

  const input = changetype<tiles.Images>(scratch + INPUT);
  const output = changetype<tiles.Images>(scratch + OUTPUT);
  tiles.layOut(input, dy, g.N, g.outputH, g.outputW, g.K, rows, columns, seenFrom(g.padTop), seenFrom(g.padLeft));
  tiles.prepareLines(input, scratch + <usize>linesOffset(g));
  tiles.layOut(output, dx, g.N, g.H, g.W, g.C, rows, columns, beginOf(g.padTop), beginOf(g.padLeft));
  output.stage = stageBytes(g) ? scratch + <usize>stageOffset(g) : 0;
  output.oddRows = g.padTop & 1;
  output.oddColumns = g.padLeft & 1;
  memory.fill(scratch + READ, 0, 2 * tiles.POSITION_BYTES);
  const read = changetype<tiles.Position>(scratch + READ);
  const written = changetype<tiles.Position>(scratch + WRITTEN);
  const tile = scratch + <usize>tileOffset(g);
  const inputs = scratch + <usize>planesOffset(g);
  const inputStep = <usize>inputPitch(g);
  const products = inputs + <usize>INPUT_PLANES * inputStep;
  const productStep = <usize>productPitch(g);
  const filterStep = <usize>filterPitch(g);
  for (let left = g.N * rows * columns; left > 0; left -= block) {
    const count = min(block, left);
    tiles.transformInput<transform.Points5>(inputs, rowBytes, inputStep, input, read, count, tile);
    let filter = packed;
    let to = products;
    for (let a = 0; a < 9; a++) {
      const line = inputs + <usize>(lineOf(a, g.padTop) * 5) * inputStep;
      for (let b = 0; b < 9; b++) {
        const from = line + <usize>lineOf(b, g.padLeft) * inputStep;
        gemm.multiply(to, from, filter, count, channels, g.K, product);
        filter += filterStep;
        to += productStep;
      }
    }
    tiles.transformOutput<transform.Points9>(products, product.pitch, productStep, output, written, count, 0, 0, tile);
  }
}
