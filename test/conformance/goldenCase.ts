/** A case of reference data: its manifest (JSON) and its tensors (safetensors); test/golden holds those of the tests. */
import { decodeSafetensors, type StoredTensor } from "../../src/formats/safetensors.ts";
import type { Tolerance, Value } from "./compare.ts";

export interface ExpectedOutput {
  readonly value: Value;
  readonly tolerance: Tolerance;
}

export interface GoldenCase {
  /** `family/name`. */
  readonly id: string;
  readonly family: string;
  /** The operation, as the manifest calls it. */
  readonly op: string;
  readonly attrs: Attributes;
  readonly inputs: ReadonlyMap<string, StoredTensor>;
  readonly outputs: ReadonlyMap<string, ExpectedOutput>;
}

/** A case that the library has no operation for. */
export class Unsupported extends Error {
  override name = "Unsupported";
  readonly ops: readonly string[];

  constructor(...ops: string[]) {
    super(`${ops.join(", ")} is not supported.`);
    this.ops = ops;
  }
}

/** A manifest's `attrs`. Asking for one that is missing or of another kind throws. */
export class Attributes {
  readonly #values: { readonly [name: string]: unknown };

  constructor(values: { readonly [name: string]: unknown }) {
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined && this.#values[name] !== null;
  }

  number(name: string): number {
    return this.#get(name, "a number", (value) => typeof value === "number");
  }

  boolean(name: string): boolean {
    return this.#get(name, "a boolean", (value) => typeof value === "boolean");
  }

  string(name: string): string {
    return this.#get(name, "a string", (value) => typeof value === "string");
  }

  numbers(name: string): number[] {
    return this.#get(name, "an array of numbers", isNumbers);
  }

  pair(name: string): [number, number] {
    return this.#get(name, "a pair of numbers", (value) => isNumbers(value) && value.length === 2);
  }

  /** [[top, bottom], [left, right]]. */
  pairs(name: string): [[number, number], [number, number]] {
    const isPairs = (value: unknown): boolean =>
      Array.isArray(value) && value.length === 2 && value.every((item) => isNumbers(item) && item.length === 2);
    return this.#get(name, "two pairs of numbers", isPairs);
  }

  /** Rows of numbers and texts. */
  rows(name: string): (number | string)[][] {
    return this.#get(name, "an array of rows", (value) => Array.isArray(value) && value.every(Array.isArray));
  }

  /** Attributes below a name. */
  record(name: string): { [name: string]: Attributes } {
    const values: { [name: string]: { [name: string]: unknown } } = this.#get(
      name,
      "an object of objects",
      (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    );
    return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, new Attributes(value)]));
  }

  /** Attributes in place of a value; null where it is a plain value. */
  nested(name: string): Attributes | null {
    const value = this.#values[name];
    const isNested = typeof value === "object" && value !== null && !Array.isArray(value);
    return isNested ? new Attributes(value as { readonly [name: string]: unknown }) : null;
  }

  /** Rows of numbers. */
  table(name: string): number[][] {
    return this.#get(name, "rows of numbers", (value) => Array.isArray(value) && value.every(isNumbers));
  }

  /** The same with another value; null removes it. */
  with(name: string, value: unknown): Attributes {
    return new Attributes({ ...this.#values, [name]: value });
  }

  #get<T>(name: string, what: string, holds: (value: unknown) => boolean): T {
    const value = this.#values[name];
    if (!holds(value))
      throw new Error(`The attribute '${name}' of the case must be ${what}, it is ${JSON.stringify(value)}.`);
    return value as T;
  }
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => typeof item === "number");
}

/** What a case's JSON file holds, as far as it is used. */
export interface Manifest {
  readonly id: string;
  readonly family: string;
  readonly op: string;
  readonly attrs: { readonly [name: string]: unknown };
  /** File name of the tensors. */
  readonly tensors: string;
  readonly inputs: { readonly [name: string]: unknown };
  readonly outputs: { readonly [name: string]: Partial<Tolerance> };
}

export function isManifest(json: unknown): json is Manifest {
  if (typeof json !== "object" || json === null) return false;
  return ["id", "family", "op", "attrs", "tensors", "inputs", "outputs"].every((key) => key in json);
}

export function parseCase(manifest: Manifest, bytes: Uint8Array): GoldenCase {
  const { id, family, op, attrs } = manifest;
  const { tensors } = decodeSafetensors(bytes);
  const tensor = (name: string): StoredTensor => {
    const found = tensors.get(name);
    if (!found) throw new Error(`'${manifest.tensors}' has no tensor called '${name}'.`);
    return found;
  };
  const outputs = Object.entries(manifest.outputs).map(
    ([name, spec]) => [name, { value: tensor(name), tolerance: toleranceOf(spec) }] as const,
  );
  return {
    id,
    family,
    op,
    attrs: new Attributes(attrs),
    inputs: new Map(Object.keys(manifest.inputs).map((name) => [name, tensor(name)])),
    outputs: new Map(outputs),
  };
}

/** A missing tolerance is NaN, which the comparison refuses. */
export function toleranceOf(spec: Partial<Tolerance> | undefined): Tolerance {
  return { rtol: spec?.rtol ?? NaN, atol: spec?.atol ?? NaN, exact: spec?.exact ?? false };
}
