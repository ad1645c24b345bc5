/** Data types: TensorFlow's names, enum values (types.proto) and what holds them in JavaScript. */
import { UnimplementedError } from "./errors.ts";

export type TypedArray =
  | Float32Array
  | Float64Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Int8Array
  | Int16Array
  | Uint16Array;

export type DTypeName =
  | "float32"
  | "float64"
  | "int32"
  | "uint8"
  | "int16"
  | "int8"
  | "string"
  | "int64"
  | "bool"
  | "uint16"
  | "resource"
  | "variant"
  | "unknown";

type ArrayConstructor = {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): TypedArray;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): TypedArray;
};

/** A data type. Compare with `===`; `dtype.base` strips the reference that a ref variable's output carries. */
export class DType {
  /** TensorFlow's enum value (references are the base value + 100). */
  readonly enumValue: number;
  readonly name: DTypeName;
  readonly isRef: boolean;
  /** The typed array that holds it, or null where kernels do not (string, resource). bool is a Uint8Array of 0 and 1. */
  readonly array: ArrayConstructor | null;
  #twin: DType;

  private constructor(enumValue: number, name: DTypeName, array: ArrayConstructor | null, base?: DType) {
    this.enumValue = enumValue;
    this.name = name;
    this.array = array;
    this.isRef = base !== undefined;
    this.#twin = base ?? new DType(enumValue + 100, name, array, this);
  }

  static define(enumValue: number, name: DTypeName, array: ArrayConstructor | null): DType {
    return new DType(enumValue, name, array);
  }

  get base(): DType {
    return this.isRef ? this.#twin : this;
  }

  get ref(): DType {
    return this.isRef ? this : this.#twin;
  }

  /** Bytes of one element; 0 for types without a fixed size. */
  get size(): number {
    return this.array ? this.array.BYTES_PER_ELEMENT : 0;
  }

  get isFloating(): boolean {
    return this.name === "float32" || this.name === "float64";
  }

  get isInteger(): boolean {
    return ["int32", "int64", "uint8", "int8", "int16", "uint16"].includes(this.name);
  }

  toString(): string {
    return this.isRef ? `${this.name}_ref` : this.name;
  }
}

export const float32: DType = DType.define(1, "float32", Float32Array);
export const float64: DType = DType.define(2, "float64", Float64Array);
export const int32: DType = DType.define(3, "int32", Int32Array);
export const uint8: DType = DType.define(4, "uint8", Uint8Array);
export const int16: DType = DType.define(5, "int16", Int16Array);
export const int8: DType = DType.define(6, "int8", Int8Array);
export const string: DType = DType.define(7, "string", null);
export const int64: DType = DType.define(9, "int64", BigInt64Array as unknown as ArrayConstructor);
export const bool: DType = DType.define(10, "bool", Uint8Array);
export const uint16: DType = DType.define(17, "uint16", Uint16Array);
export const resource: DType = DType.define(20, "resource", null);
export const variant: DType = DType.define(21, "variant", null);
/** The output of an imported operation whose type nothing tells. */
export const unknownType: DType = DType.define(0, "unknown", null);

const all = [float32, float64, int32, uint8, int16, int8, string, int64, bool, uint16, resource, variant, unknownType];
const byEnum = new Map(
  all.flatMap((dtype) => [[dtype.enumValue, dtype] as const, [dtype.ref.enumValue, dtype.ref] as const]),
);
const byName = new Map(all.map((dtype) => [dtype.name as string, dtype]));

/** The type with TensorFlow's enum value; undefined for those trainlet does not know (half, complex, quantised …). */
export function dtypeFromEnum(value: number): DType | undefined {
  return byEnum.get(value);
}

/** The type of a name such as "float32". */
export function dtypeFromName(name: string): DType {
  const dtype = byName.get(name);
  if (!dtype) throw new UnimplementedError(`Unknown dtype '${name}'. Known: ${[...byName.keys()].join(", ")}.`);
  return dtype;
}
