/**
 * Proto3 JSON as TensorFlow writes and reads it (google.protobuf.json_format), over the library's descriptors. Our own for
 * three reasons: an error names the place in the file, float fields become float32 at once and are written with float32's
 * digits, and the library's JSON half is a third of its size.
 */
import { create, ScalarType, type DescEnum, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { InvalidArgumentError } from "../../graph/errors.ts";
import { fieldValue, setField, type Fields } from "./message.ts";

/** As deep as the library's binary reader goes. */
const MAX_DEPTH = 100;

type Json = { [key: string]: unknown };

function isObject(json: unknown): json is Json {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function refuse(path: string, wanted: string, json: unknown): never {
  const text = Array.isArray(json) ? "an array" : isObject(json) ? "an object" : String(JSON.stringify(json));
  const got = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  throw new InvalidArgumentError(`'${path}' in the JSON must be ${wanted}, it is ${got}.`);
}

/** Reads a message. Both `graphDef` and `graph_def` are names of a field; keys that the schema does not have are ignored. */
export function messageFromJson(desc: DescMessage, json: unknown, path: string, depth = 0): Message {
  if (!isObject(json)) refuse(path, "an object", json);
  if (depth > MAX_DEPTH) throw new InvalidArgumentError(`'${path}' in the JSON is nested more than ${MAX_DEPTH} deep.`);
  const message = create(desc);
  const target = message as unknown as Fields;
  const filled = new Set<unknown>();
  for (const field of desc.fields) {
    for (const key of new Set([field.jsonName, field.name])) {
      if (!Object.hasOwn(json, key) || json[key] === null) continue;
      const at = path === "" ? key : `${path}.${key}`;
      const slot = field.oneof ?? field;
      if (filled.has(slot)) throw new InvalidArgumentError(`'${at}' in the JSON is a second value for '${slot.name}'.`);
      filled.add(slot);
      const value = fieldFromJson(field, json[key], at, depth);
      if (value !== undefined) setField(target, field, value);
    }
  }
  return message;
}

function fieldFromJson(field: DescField, json: unknown, path: string, depth: number): unknown {
  if (field.fieldKind === "list") {
    if (!Array.isArray(json)) refuse(path, "an array", json);
    // An enum value that is newer than the schema is left out.
    return json
      .map((item, i) => itemFromJson(field, item, `${path}[${i}]`, depth))
      .filter((item) => item !== undefined);
  }
  if (field.fieldKind === "map") {
    if (!isObject(json)) refuse(path, "an object", json);
    return Object.fromEntries(
      Object.entries(json).map(([key, item]) => {
        if (field.mapKey !== ScalarType.STRING) scalarFromJson(field.mapKey, key, `${path}.${key}`);
        return [key, itemFromJson(field, item, `${path}.${key}`, depth)];
      }),
    );
  }
  return itemFromJson(field, json, path, depth);
}

/** One value: of a singular field, a list or a map. */
function itemFromJson(field: DescField, json: unknown, path: string, depth: number): unknown {
  if (field.message) return messageFromJson(field.message, json, path, depth + 1);
  if (!field.enum) return scalarFromJson(field.scalar!, json, path);
  const value = enumFromJson(field.enum, json, path);
  // Leaving out the case of a oneof would leave it without any value.
  if (value === undefined && field.oneof) refuse(path, `a value of ${field.enum.name}`, json);
  return value;
}

function enumFromJson(desc: DescEnum, json: unknown, path: string): number | undefined {
  if (typeof json === "string") return desc.values.find((value) => value.name === json)?.number;
  return scalarFromJson(ScalarType.INT32, json, path) as number;
}

function scalarFromJson(type: ScalarType, json: unknown, path: string): unknown {
  switch (type) {
    case ScalarType.STRING:
      return typeof json === "string" ? json : refuse(path, "a string", json);
    case ScalarType.BOOL:
      return typeof json === "boolean" ? json : refuse(path, "true or false", json);
    case ScalarType.BYTES:
      try {
        if (typeof json === "string") return base64Decode(json);
      } catch {
        // Refused below.
      }
      return refuse(path, "a base64 string", json);
    case ScalarType.INT64:
      return int64FromJson(json, path, "a whole number of 64 bits as a string", BigInt.asIntN);
    case ScalarType.UINT64:
      return int64FromJson(json, path, "a whole number of 64 bits, not negative, as a string", BigInt.asUintN);
    case ScalarType.INT32: {
      const value = numberFromJson(json);
      return value === (value | 0) ? value | 0 : refuse(path, "a whole number of 32 bits", json);
    }
    case ScalarType.UINT32: {
      const value = numberFromJson(json);
      return value === value >>> 0 ? value >>> 0 : refuse(path, "a whole number of 32 bits, not negative", json);
    }
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE: {
      if (json === "NaN") return Number.NaN;
      if (json === "Infinity") return Infinity;
      if (json === "-Infinity") return -Infinity;
      const value = type === ScalarType.FLOAT ? Math.fround(numberFromJson(json)) : numberFromJson(json);
      return Number.isFinite(value)
        ? value
        : refuse(path, `a ${type === ScalarType.FLOAT ? "float32" : "float64"} number`, json);
    }
    default:
      throw new Error(`The schema has a scalar of type ${ScalarType[type]}, which the JSON reader does not know.`);
  }
}

/** The number, NaN where there is none. */
function numberFromJson(json: unknown): number {
  if (typeof json === "number") return json;
  return typeof json === "string" && /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(json) ? Number(json) : Number.NaN;
}

function int64FromJson(
  json: unknown,
  path: string,
  wanted: string,
  wrap: (bits: number, value: bigint) => bigint,
): bigint {
  // A larger number has already lost digits in JSON.parse.
  const exact = typeof json === "string" ? /^-?\d{1,20}$/.test(json) : Number.isSafeInteger(json);
  const value = exact ? BigInt(json as string | number) : undefined;
  return value !== undefined && wrap(64, value) === value ? value : refuse(path, wanted, json);
}

/** Writes a message, whole or partial: camelCase names, fields at their default left out, int64 as strings, bytes as base64. */
export function messageToJson(desc: DescMessage, message: object): Json {
  const json: Json = {};
  for (const field of desc.fields) {
    const value = fieldValue(message as Fields, field);
    if (value === undefined || value === null) continue;
    if (field.fieldKind === "list") {
      const items = value as readonly unknown[];
      if (items.length > 0) json[field.jsonName] = items.map((item) => itemToJson(field, item));
    } else if (field.fieldKind === "map") {
      const entries = Object.entries(value as object);
      if (entries.length > 0) {
        json[field.jsonName] = Object.fromEntries(entries.map(([key, item]) => [key, itemToJson(field, item)]));
      }
    } else if (field.oneof || field.message || !isDefault(value)) {
      json[field.jsonName] = itemToJson(field, value);
    }
  }
  return json;
}

function isDefault(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  return value === "" || value === false || value === 0n || Object.is(value, 0);
}

function itemToJson(field: DescField, value: unknown): unknown {
  if (field.message) return messageToJson(field.message, value as object);
  if (field.enum) return field.enum.value[value as number]?.name ?? value;
  switch (field.scalar) {
    case ScalarType.BYTES:
      return base64Encode(value as Uint8Array);
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return String(value);
    case ScalarType.FLOAT:
      return numberToJson(shortestFloat32(value as number));
    case ScalarType.DOUBLE:
      return numberToJson(value as number);
    default:
      return value;
  }
}

function numberToJson(value: number): number | string {
  // JSON.stringify writes -0 as 0; a string of digits is proto3 JSON, too.
  if (Object.is(value, -0)) return "-0";
  return Number.isFinite(value) ? value : String(value);
}

/** The number with the fewest digits, at least 6, that rounds to the same float32 (json_format's ToShortestFloat): 0.99 for
 * 0.9900000095367432. */
export function shortestFloat32(value: number): number {
  const float = Math.fround(value);
  // toPrecision would lose the sign of -0.
  if (!Number.isFinite(float) || float === 0) return float;
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(float.toPrecision(digits));
    if (Math.fround(short) === float) return short;
  }
  return Number(float.toPrecision(9));
}
