/** Tensor values on the host: what is fed, fetched, and held by Const operations. */
import { bool, dtypeFromName, float32, int32, int64, type DType, type DTypeName, type TypedArray } from "./dtype.ts";
import { InvalidArgumentError } from "./errors.ts";
import { sizeOf } from "./shape.ts";

/** A constant: like a fetched tensor, but `data` may be shorter than the shape asks, the last element then repeats
 * (TensorProto's rule), and strings are kept as bytes. */
export interface TensorValue {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray | readonly Uint8Array[];
}

export type Nested = number | boolean | bigint | readonly Nested[];

/** What a caller may pass as a value: a number, boolean, nested array, typed array, or data with its shape. */
export type FeedValue =
  | Nested
  | TypedArray
  | Uint8ClampedArray
  | {
      readonly data: TypedArray | Uint8ClampedArray | readonly number[];
      readonly shape: readonly number[];
      readonly dtype?: DTypeName | DType;
    };

/** A tensor that a run gave back. `data` is the caller's own copy. */
export class FetchedTensor {
  readonly data: TypedArray;
  readonly shape: readonly number[];
  readonly dtype: DTypeName;

  constructor(data: TypedArray, shape: readonly number[], dtype: DTypeName) {
    this.data = data;
    this.shape = shape;
    this.dtype = dtype;
  }

  /** The only element of a tensor of size 1. */
  item(): number | bigint | boolean {
    if (this.data.length !== 1) {
      throw new InvalidArgumentError(
        `item() needs a tensor of one element, this one has the shape [${this.shape.join(",")}].`,
      );
    }
    return this.dtype === "bool" ? this.data[0] !== 0 : this.data[0];
  }

  /** Nested arrays of the tensor's shape; a scalar gives its element. */
  toNested(): Nested {
    let at = 0;
    const level = (axis: number): Nested => {
      if (axis === this.shape.length) return this.dtype === "bool" ? this.data[at++] !== 0 : this.data[at++];
      return Array.from({ length: this.shape[axis] }, () => level(axis + 1));
    };
    return level(0);
  }
}

/** Shape of a nested array; ragged arrays are refused. */
export function nestedShape(value: Nested, what: string): number[] {
  const shape: number[] = [];
  for (let at = value; Array.isArray(at); at = at[0] as Nested) {
    shape.push(at.length);
    if (at.length === 0) break;
  }
  const check = (at: Nested, axis: number): void => {
    if (Array.isArray(at) && axis < shape.length) {
      if (at.length !== shape[axis]) {
        throw new InvalidArgumentError(`The nested array for ${what} is ragged: its rows differ in length.`);
      }
      for (const item of at) check(item as Nested, axis + 1);
    } else if (Array.isArray(at) || axis !== shape.length) {
      throw new InvalidArgumentError(`The nested array for ${what} is ragged: its rows differ in depth.`);
    }
  };
  check(value, 0);
  return shape;
}

/** Elements of a nested array in row-major order. */
export function flattenNested(value: Nested): (number | boolean | bigint)[] {
  return (Array.isArray(value) ? value.flat(Infinity) : [value]) as (number | boolean | bigint)[];
}

/** Builds a constant from what a caller wrote. Without a dtype: booleans are bool, whole numbers in plain literals
 * int32, bigints int64, other numbers float32; typed arrays keep their own. */
export function toTensorValue(
  value: FeedValue,
  dtype?: DType,
  shape?: readonly number[],
  what = "the constant",
): TensorValue {
  let data: ArrayLike<number | bigint | boolean>;
  let own: readonly number[];
  let natural: DType;
  let literal = false;
  if (ArrayBuffer.isView(value)) {
    data = value as TypedArray;
    own = [data.length];
    natural = dtypeOfArray(value as TypedArray);
  } else if (typeof value === "object" && "data" in value) {
    data = value.data as ArrayLike<number>;
    own = value.shape;
    if (sizeOf(own) !== data.length) {
      throw new InvalidArgumentError(
        `${what} has ${data.length} elements, its shape [${own.join(",")}] needs ${sizeOf(own)}.`,
      );
    }
    natural = value.dtype
      ? typeof value.dtype === "string"
        ? dtypeFromName(value.dtype)
        : value.dtype
      : ArrayBuffer.isView(value.data)
        ? dtypeOfArray(value.data as TypedArray)
        : float32;
  } else {
    own = nestedShape(value, what);
    const flat = flattenNested(value);
    data = flat;
    literal = true;
    natural = flat.some((item) => typeof item === "boolean")
      ? bool
      : flat.length > 0 && flat.every((item) => typeof item === "bigint")
        ? int64
        : flat.length > 0 && flat.every((item) => Number.isInteger(item))
          ? int32
          : float32;
  }
  const type = (dtype ?? natural).base;
  if (!type.array) throw new InvalidArgumentError(`${what} cannot have the dtype ${type.name}.`);
  const array = new type.array(data.length);
  const wide = type.name === "int64";
  for (let i = 0; i < data.length; i++) {
    const item = data[i];
    const number = typeof item === "number" || typeof item === "bigint";
    // A plain literal is judged as strictly as TensorFlow judges Python's: true is no number, 1 is no boolean.
    const fits = type === bool ? (literal ? !number : number) || typeof item === "boolean" : number;
    if (!fits || (wide && !Number.isInteger(Number(item)))) throw doesNotFit(item, type, what);
    (array as { [i: number]: number | bigint })[i] = wide ? BigInt(item) : Number(item);
    if (!type.isFloating && Number(array[i]) !== Number(item)) throw doesNotFit(item, type, what);
  }
  const wanted = shape ?? own;
  const size = sizeOf(wanted);
  if (array.length !== size && array.length !== 1) {
    throw new InvalidArgumentError(
      `${what} has ${array.length} elements, its shape [${wanted.join(",")}] needs ${size}.`,
    );
  }
  return { dtype: type, shape: [...wanted], data: size === 0 ? new type.array(0) : array };
}

function doesNotFit(item: unknown, dtype: DType, what: string): InvalidArgumentError {
  return new InvalidArgumentError(`Expected ${dtype}, got ${String(item)} of type ${typeof item} for ${what}.`);
}

/** The dtype a typed array naturally has. */
export function dtypeOfArray(array: TypedArray | Uint8ClampedArray): DType {
  return dtypeFromName(
    array.constructor.name
      .replace(/Array$/, "")
      .replace("Clamped", "")
      .replace("Big", "")
      .toLowerCase(),
  );
}

/** Element `i` of a constant, following TensorProto's rule that the last element repeats. */
export function elementAt(value: TensorValue, i: number): number {
  return Number((value.data as TypedArray)[Math.min(i, value.data.length - 1)]);
}

/** More integers than any shape, permutation or list of axes has. */
const mostIntegers = 4096;

/** All elements of an integer constant (a shape, axes) as numbers. */
export function toNumbers(value: TensorValue): number[] {
  const size = sizeOf(value.shape);
  if (size > mostIntegers) {
    throw new InvalidArgumentError(`A constant of ${size} integers cannot be a shape or axes; at most ${mostIntegers}`);
  }
  return Array.from({ length: size }, (_, i) => elementAt(value, i));
}
