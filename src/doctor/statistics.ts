/** What several rules ask about moving statistics. */
import type { TypedArray } from "../graph/dtype.ts";
import type { Operation } from "../graph/operation.ts";
import type { SessionView } from "./examination.ts";

/** True if mean and variance are, bit for bit, what TensorFlow initialises them with: 0 and 1. */
export function isInitial(session: SessionView, mean: Operation, variance: Operation): boolean {
  return all(session.valueOf(mean), 0) && all(session.valueOf(variance), 1);
}

function all(values: TypedArray | null, wanted: number): boolean {
  if (!values) return false;
  for (const value of values) if (value !== wanted) return false;
  return true;
}
