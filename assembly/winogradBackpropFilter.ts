// The gradient of a convolution with respect to its filter by Winograd's minimal filtering: see winogradTransform.ts and winograd.ts.
//
//   dw = G' [sum over all tiles of (B' d B) * (A dy A')] G.
// For each of the 36, 64 or, with stride 2, 81 elements of a tile the sum over a block's tiles is a sum of outer products, of input channels with output
// channels; the blocks are added up one after the other.

import * as conv2d from "./conv2d";
import { bytesOf, LANES, roundUp, Vector } from "./lib/simd";
import { addProducts } from "./outerProduct";
import { blockPitch, blockTiles, inputPlanes, layOutInput, layOutOutput, outputPlanes } from "./winograd";
import * as tiles from "./winogradTiles";
import * as transform from "./winogradTransform";

// Scratch: input and output images and the position of each, a run of tiles, channel table, a tile, lines of both, planes of a
// block's inputs and gradients, planes of sums.
const INPUT: usize = 0;
const OUTPUT: usize = tiles.IMAGES_BYTES;
const READ: usize = OUTPUT + tiles.IMAGES_BYTES;
const READ_GRADIENT: usize = READ + tiles.POSITION_BYTES;
const RUN: usize = READ_GRADIENT + tiles.POSITION_BYTES;
const CHANNEL_TABLE: usize = RUN + 16;

function tileOffset(g: conv2d.Geometry): i32 {
  return <i32>CHANNEL_TABLE + roundUp(g.C, LANES) * 4;
}
function linesOffset(g: conv2d.Geometry): i32 {
  return tileOffset(g) + <i32>tiles.TILE_BYTES;
}
function gradientLinesOffset(g: conv2d.Geometry): i32 {
  return linesOffset(g) + tiles.linesBytes(g.W, g.C);
}
function inputOffset(g: conv2d.Geometry): i32 {
  return gradientLinesOffset(g) + tiles.linesBytes(g.outputW, g.K);
}
function gradientOffset(g: conv2d.Geometry): i32 {
  return inputOffset(g) + inputPlanes(g) * blockPitch(g, g.C);
}
function sumsOffset(g: conv2d.Geometry): i32 {
  return gradientOffset(g) + outputPlanes(g) * blockPitch(g, g.K);
}
/** Bytes from plane to plane of the sums. */
function sumsPitch(g: conv2d.Geometry): i32 {
  return g.C * roundUp(g.K, LANES) * 4 + 320;
}

/** Bytes of the scratch memory of `conv2dWinogradBackpropFilter`. */
export function conv2dWinogradBackpropFilterScratchBytes(geometry: usize): i32 {
  const g = changetype<conv2d.Geometry>(geometry);
  if (conv2d.isEmpty(g)) return 0;
  return sumsOffset(g) + inputPlanes(g) * sumsPitch(g);
}

/**
 * What conv2dBackpropFilter computes, within Winograd's rounding, for dilations of 1, strides of 1 and filters of 3 x 3 and 5 x 5, or
 * strides of 2 and 3 x 3: dw [filterH, filterW, C, K], overwritten; x [N, H, W, C]; dy [N, outputH, outputW, K]; `scratch` of
 * `conv2dWinogradBackpropFilterScratchBytes`, 16-byte aligned. No two of them overlap. Float32.
 * Order: the tiles of a block are summed in row-major order from 0, and the blocks are added one after the other.
 */
export function conv2dWinogradBackpropFilter(dw: usize, x: usize, dy: usize, scratch: usize, geometry: usize): void {
  const g = changetype<conv2d.Geometry>(geometry);
  if (conv2d.isEmpty(g)) {
    memory.fill(dw, 0, bytesOf(g.filterH * g.filterW * g.C * g.K));
    return;
  }
  const columns = roundUp(g.K, LANES);
  const inputPitch = bytesOf(roundUp(g.C, LANES));
  const block = blockTiles(g);
  const channelTable = scratch + CHANNEL_TABLE;
  const run = scratch + RUN;
  for (let c = 0; c < g.C; c++) store<u32>(channelTable + bytesOf(c), <u32>bytesOf(c));
  store<u32>(run, 0);

  const input = changetype<tiles.Images>(scratch + INPUT);
  const output = changetype<tiles.Images>(scratch + OUTPUT);
  layOutInput(input, x, g, scratch + <usize>linesOffset(g));
  layOutOutput(output, dy, g);
  tiles.prepareLines(output, scratch + <usize>gradientLinesOffset(g));
  memory.fill(scratch + READ, 0, 2 * tiles.POSITION_BYTES);
  const read = changetype<tiles.Position>(scratch + READ);
  const readGradient = changetype<tiles.Position>(scratch + READ_GRADIENT);
  const tile = scratch + <usize>tileOffset(g);
  const inputs = scratch + <usize>inputOffset(g);
  const gradients = scratch + <usize>gradientOffset(g);
  const sums = scratch + <usize>sumsOffset(g);
  const inputStep = <usize>blockPitch(g, g.C);
  const gradientStep = <usize>blockPitch(g, g.K);
  const sumsStep = <usize>sumsPitch(g);
  memory.fill(sums, 0, <usize>inputPlanes(g) * sumsStep);
  for (let left = g.N * output.rows * output.columns; left > 0; left -= block) {
    const count = min(block, left);
    if (g.strideH == 2)
      tiles.transformInput<transform.Points9>(inputs, inputPitch, inputStep, input, read, count, tile);
    else if (g.filterH == 3)
      tiles.transformInput<transform.Points6>(inputs, inputPitch, inputStep, input, read, count, tile);
    else tiles.transformInput<transform.Points8>(inputs, inputPitch, inputStep, input, read, count, tile);
    if (g.strideH == 2)
      tiles.transformGradient<transform.Points5>(gradients, columns, gradientStep, output, readGradient, count, tile);
    else if (g.filterH == 3)
      tiles.transformGradient<transform.Points6>(gradients, columns, gradientStep, output, readGradient, count, tile);
    else
      tiles.transformGradient<transform.Points8>(gradients, columns, gradientStep, output, readGradient, count, tile);
    store<u32>(run, <u32>(<usize>count * inputPitch), 4);
    let from = inputs;
    let gradient = gradients;
    let to = sums;
    for (let q = 0; q < inputPlanes(g); q++) {
      if (g.strideH == 2) gradient = gradients + <usize>transform.outputPlane(q) * gradientStep;
      addProducts(to, from, channelTable, g.C, run, 1, inputPitch, count, gradient, true, columns);
      from += inputStep;
      gradient += gradientStep;
      to += sumsStep;
    }
  }
  if (g.strideH == 2) transformSums<transform.Points9>(dw, sums, sumsStep, g.C, g.K, tile);
  else if (g.filterH == 3) transformSums<transform.Points6>(dw, sums, sumsStep, g.C, g.K, tile);
  else transformSums<transform.Points8>(dw, sums, sumsStep, g.C, g.K, tile);
}

/** dw [taps][C][K] = G' u G of the planes [C][K, rounded up]. */
function transformSums<Points>(dw: usize, sums: usize, step: usize, C: i32, K: i32, tile: usize): void {
  const points = offsetof<Points>();
  const taps = transform.Line.tapCount<Points>();
  const tapBytes = bytesOf(C * K);
  const row = points * 16;
  const part = tile + <usize>taps * row;
  for (let c = 0; c < C; c++) {
    for (let k = 0; k < K; k += LANES) {
      let plane = sums;
      for (let to = tile; to != tile + row; to += 16) {
        transform.Line.taps<Points>(plane, points * step, to, row);
        plane += step;
      }
      sums += 16;
      const width = min(LANES, K - k);
      let to = dw + bytesOf(c * K + k);
      for (let from = tile; from != part; from += row) {
        const isWhole = width == LANES;
        transform.Line.taps<Points>(from, 16, isWhole ? to : part, isWhole ? tapBytes : 16);
        if (!isWhole) {
          for (let v = 0; v < taps; v++)
            Vector.storeTail(to + <usize>v * tapBytes, v128.load(part + <usize>v * 16), width);
        }
        to += <usize>taps * tapBytes;
      }
    }
  }
}
