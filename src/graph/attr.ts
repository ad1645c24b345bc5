/**
 * Attribute values of operations, with the field names of TensorFlow's AttrValue (attr_value.proto) so that import and
 * export are a renaming.
 */
import type { DType } from "./dtype.ts";
import type { Shape } from "./shape.ts";
import type { TensorValue } from "./tensorValue.ts";

export interface AttrList {
  readonly s?: readonly (string | Uint8Array)[];
  readonly i?: readonly bigint[];
  readonly f?: readonly number[];
  readonly b?: readonly boolean[];
  readonly type?: readonly DType[];
  readonly shape?: readonly Shape[];
}

export type Attr =
  | { readonly s: string | Uint8Array }
  | { readonly i: bigint }
  | { readonly f: number }
  | { readonly b: boolean }
  | { readonly type: DType }
  | { readonly shape: Shape }
  | { readonly tensor: TensorValue }
  | { readonly list: AttrList }
  /** What this version does not interpret, kept as the format's own message so that export gives it back. */
  | { readonly opaque: unknown };

export type Attrs = Readonly<Record<string, Attr>>;

/** Shorthands for building attributes. */
export const attr = {
  string: (s: string): Attr => ({ s }),
  int: (i: number | bigint): Attr => ({ i: BigInt(i) }),
  float: (f: number): Attr => ({ f: Math.fround(f) }),
  bool: (b: boolean): Attr => ({ b }),
  type: (type: DType): Attr => ({ type: type.base }),
  shape: (shape: Shape): Attr => ({ shape }),
  tensor: (tensor: TensorValue): Attr => ({ tensor }),
  ints: (i: readonly number[]): Attr => ({ list: i.length ? { i: i.map(BigInt) } : {} }),
  strings: (s: readonly string[]): Attr => ({ list: { s } }),
};
