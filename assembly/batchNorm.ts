// Batch normalization over the last axis, as TensorFlow's FusedBatchNorm (NHWC): x is [rows, channels].
//
// Normalising is y = (x - center) * factor + shift in float32. center is the mean rounded to float32; what the rounding lost goes
// into shift, because at mean 1e4 and deviation 1 it would show: shift = offset - (mean - center) * factor. An addition of another
// tensor and an activation that follow are taken along, with the same bits as if they were computed by themselves.

import * as apply from "./batchNormApply";
import { moments, momentsScratchBytes, squaresOf } from "./batchNormMoments";
import { bytesOf } from "./lib/simd";

// Scratch: Affine, its rows, then that of `moments`.
const AFFINE: i32 = 16;

/** Bytes of the scratch memory of `fusedBatchNormTraining` and `fusedBatchNormInference`. */
export function fusedBatchNormScratchBytes(_rows: i32, channels: i32): i32 {
  return AFFINE + apply.affineBytes(channels) + momentsScratchBytes(channels);
}

/**
 * Statistics of the batch over the rows, and the normalised batch:
 *   savedMean = mean, savedVariance = biased variance (divided by rows),
 *   y = activation((x - mean) / sqrt(savedVariance + epsilon) * scale + offset + addend),
 *   batchMean = mean, batchVariance = savedVariance * rows / max(rows - 1, 1);
 * with running statistics and averageFactor != 1 the last two are (1 - averageFactor) * running + averageFactor * value.
 *
 * x, y, addend float32 [rows, channels], all others [channels]; runningMean, runningVariance and addend may be 0 (none); `activation`
 * as in gemm.ts. Outputs are overwritten. y may be x or addend, batchMean runningMean, batchVariance runningVariance; nothing else
 * overlaps. `scratch` has `fusedBatchNormScratchBytes`, 16-byte aligned. One row gives variance 0 and y = offset; no row gives mean 0
 * and variance 0 (TensorFlow gives NaN). Order: see batchNormMoments.ts; rows and channels fix it all.
 */
export function fusedBatchNormTraining(
  y: usize,
  batchMean: usize,
  batchVariance: usize,
  savedMean: usize,
  savedVariance: usize,
  x: usize,
  scale: usize,
  offset: usize,
  runningMean: usize,
  runningVariance: usize,
  addend: usize,
  scratch: usize,
  rows: i32,
  channels: i32,
  epsilon: f32,
  averageFactor: f32,
  activation: i32,
): void {
  const affine = changetype<apply.Affine>(scratch);
  apply.layOutAffine(affine, scratch + AFFINE, channels);
  const means = scratch + AFFINE + <usize>apply.affineBytes(channels);
  const squares = squaresOf(means, channels);
  moments(x, means, rows, channels);
  const averages = runningMean != 0 && runningVariance != 0 && averageFactor != 1;
  const count = <f64>max(rows, 1);
  const correction = count / max(count - 1, 1);
  for (let c = 0; c < channels; c++) {
    const at = bytesOf(c);
    const mean = load<f64>(means + (at << 1));
    const variance = load<f64>(squares + (at << 1)) / count;
    const rounded = <f32>mean;
    const gain = <f64>load<f32>(scale + at) / sqrt(variance + <f64>epsilon);
    store<f32>(affine.center + at, rounded);
    store<f32>(affine.factor + at, <f32>gain);
    store<f32>(affine.shift + at, <f32>(<f64>load<f32>(offset + at) - (mean - <f64>rounded) * gain));
    store<f32>(savedMean + at, rounded);
    store<f32>(savedVariance + at, <f32>variance);
    let newMean = rounded;
    let newVariance = <f32>(variance * correction);
    if (averages) {
      newMean = (1 - averageFactor) * load<f32>(runningMean + at) + averageFactor * newMean;
      newVariance = (1 - averageFactor) * load<f32>(runningVariance + at) + averageFactor * newVariance;
    }
    store<f32>(batchMean + at, newMean);
    store<f32>(batchVariance + at, newVariance);
  }
  apply.applyAffine(y, x, addend, affine, rows, channels, activation);
}

/**
 * y = activation((x - mean) / sqrt(variance + epsilon) * scale + offset + addend) with given statistics.
 * x, y, addend float32 [rows, channels], the others [channels]; y is overwritten and may be x or addend; `scratch` as above.
 */
export function fusedBatchNormInference(
  y: usize,
  x: usize,
  scale: usize,
  offset: usize,
  mean: usize,
  variance: usize,
  addend: usize,
  scratch: usize,
  rows: i32,
  channels: i32,
  epsilon: f32,
  activation: i32,
): void {
  const affine = changetype<apply.Affine>(scratch);
  apply.layOutAffine(affine, scratch + AFFINE, channels);
  for (let c = 0; c < channels; c++) {
    const at = bytesOf(c);
    store<f32>(affine.center + at, load<f32>(mean + at));
    store<f32>(
      affine.factor + at,
      <f32>(<f64>load<f32>(scale + at) / sqrt(<f64>load<f32>(variance + at) + <f64>epsilon)),
    );
    store<f32>(affine.shift + at, load<f32>(offset + at));
  }
  apply.applyAffine(y, x, addend, affine, rows, channels, activation);
}
