/** When a computed tensor agrees with an expected one: `|got − want| <= atol + rtol · |want|` in every element. */
import type { TypedArray } from "../../src/index.ts";

/** A tensor's value, from a session or from a file. bool is a Uint8Array of 0 and 1. */
export interface Value {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
  /** Equal values; rtol and atol do not count. */
  readonly exact: boolean;
}

export interface Comparison {
  /** What disagrees, in one sentence; null if nothing does. */
  readonly mismatch: string | null;
  /** The largest part of its tolerance that an element uses; 0 for an exact one. */
  readonly used: number;
}

export function compare(got: Value, want: Value, tolerance: Tolerance): Comparison {
  const wrongKind = kindOf(got.dtype) !== kindOf(want.dtype);
  if (wrongKind) return { mismatch: `has the dtype ${got.dtype}, want ${want.dtype}`, used: Infinity };
  if (got.shape.join() !== want.shape.join() || got.data.length !== want.data.length) {
    return { mismatch: `has the shape [${got.shape.join(",")}], want [${want.shape.join(",")}]`, used: Infinity };
  }
  const { rtol, atol, exact } = tolerance;
  if (!exact && !(rtol >= 0 && atol >= 0))
    return { mismatch: `has no tolerance: rtol ${rtol}, atol ${atol}`, used: Infinity };
  let differing = 0;
  let [worst, used] = [-1, 0];
  for (let i = 0; i < want.data.length; i++) {
    const part = partUsed(Number(got.data[i]), Number(want.data[i]), tolerance);
    if (part > 1) differing++;
    if (part > used) [worst, used] = [i, part];
  }
  if (differing === 0) return { mismatch: null, used };
  const place = `[${indicesOf(worst, want.shape).join(",")}]`;
  const allowed = exact ? "exact" : `tolerance ${(atol + rtol * Math.abs(Number(want.data[worst]))).toPrecision(3)}`;
  const values = `got ${got.data[worst]}, want ${want.data[worst]} (${allowed})`;
  return { mismatch: `${place}: ${values}; ${differing} of ${want.data.length} elements differ`, used };
}

/** |got − want| over what is allowed; above 1 (Infinity where nothing is allowed) they disagree. */
function partUsed(got: number, want: number, { rtol, atol, exact }: Tolerance): number {
  if (got === want || (Number.isNaN(got) && Number.isNaN(want))) return 0;
  // An infinite want would make the tolerance infinite, and NaN is never close to a number.
  if (exact || !Number.isFinite(got) || !Number.isFinite(want)) return Infinity;
  return Math.abs(got - want) / (atol + rtol * Math.abs(want));
}

/** Files keep int64 as int32, and float64 does not occur: only kinds have to agree. */
function kindOf(dtype: string): string {
  if (dtype.startsWith("float")) return "float";
  return dtype === "bool" ? "bool" : "integer";
}

function indicesOf(index: number, shape: readonly number[]): number[] {
  const indices: number[] = [];
  let rest = index;
  for (const size of [...shape].reverse()) {
    indices.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return indices;
}
