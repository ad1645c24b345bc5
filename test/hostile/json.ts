/** Changes of JSON: the part is chosen by a number, so that a change is plain data that can be repeated and shrunk. */
import * as fc from "fast-check";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What stands in the text in place of a value: JSON that is none, or that no value can say. */
export interface RawText {
  readonly raw:
    | "NaN"
    | "-0"
    | "1e400"
    | "01"
    | "'a'"
    | "undefined"
    | "deepArray"
    | "deepObject"
    | "longString"
    | "longArray";
  readonly size: number;
}

export type JsonChange =
  | { readonly change: "remove" | "wrap" | "double"; readonly at: number }
  | { readonly change: "replace"; readonly at: number; readonly value: Json }
  | { readonly change: "raw"; readonly at: number; readonly value: RawText }
  | { readonly change: "rename"; readonly at: number; readonly name: string }
  | { readonly change: "add"; readonly at: number; readonly name: string; readonly value: Json }
  /** Puts a copy of another part there. */
  | { readonly change: "copy"; readonly at: number; readonly from: number }
  /** A number or name nearby. */
  | { readonly change: "tweak"; readonly at: number; readonly by: number };

/** A part of a whole, in ten-thousandths. */
export const place = fc.nat(9999);

const strangeNames = "__proto__ constructor toString hasOwnProperty length a é 😀 ../..".split(" ");
const knownNames = "x:0 y:0 net:0 init train_op count training:0 input_node:0 x:1 ^init :0 x:-1 w".split(" ");
const names = fc.constantFrom("", "\u0000", "\ud800", ...strangeNames, ...knownNames);

/** Numbers between a few thousand and the limit of `repeat` are left out: so many runs are asked for, and take their time. */
const small = [0, 1, -1, 2, 3, 4, 7, 127, 128, 255, 256, 1000, 0.5, -0.5, 1e-300];
const powers = [31, 32, 53, 63, 64].flatMap((bits) => [2 ** bits, 2 ** bits - 1, -(2 ** bits)]);
const numbers = fc.constantFrom(...small, ...powers, 1e308, -1e308);

const values: fc.Arbitrary<Json> = fc.oneof(
  { weight: 3, arbitrary: numbers },
  { weight: 2, arbitrary: names },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Json>(
      null,
      true,
      false,
      "NaN",
      "Infinity",
      "-Infinity",
      "1e5",
      "0",
      "-1",
      "99999999999",
      [],
      {},
      [[]],
      [null],
      {
        dtype: "float32",
        shape: [1],
        data: [1],
      },
    ),
  },
  { weight: 1, arbitrary: fc.array(numbers, { maxLength: 4 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 12 }) },
);

const rawTexts = fc.record({
  raw: fc.constantFrom<RawText["raw"]>(
    ...([
      "NaN",
      "-0",
      "1e400",
      "01",
      "'a'",
      "undefined",
      "deepArray",
      "deepObject",
      "longString",
      "longArray",
    ] as const),
  ),
  size: fc.constantFrom(3, 31, 33, 130, 3000, 60_000),
});

export const jsonChange: fc.Arbitrary<JsonChange> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ change: fc.constantFrom("remove" as const, "wrap", "double"), at: place }) },
  { weight: 3, arbitrary: fc.record({ change: fc.constant("replace" as const), at: place, value: values }) },
  { weight: 1, arbitrary: fc.record({ change: fc.constant("raw" as const), at: place, value: rawTexts }) },
  { weight: 1, arbitrary: fc.record({ change: fc.constant("rename" as const), at: place, name: names }) },
  { weight: 1, arbitrary: fc.record({ change: fc.constant("add" as const), at: place, name: names, value: values }) },
  { weight: 4, arbitrary: fc.record({ change: fc.constant("copy" as const), at: place, from: place }) },
  { weight: 4, arbitrary: fc.record({ change: fc.constant("tweak" as const), at: place, by: fc.nat(11) }) },
);

type Path = readonly (string | number)[];

const rawMark = "\u0001raw:";

/** Applies a change, in a copy. Text marks stand for what `writeJson` puts in raw. */
export function changeJson(json: Json, change: JsonChange): Json {
  const paths = [...allPaths(json, [])];
  const pick = (at: number): Path => paths[Math.floor((at / 10_000) * paths.length)];
  const path = pick(change.at);
  switch (change.change) {
    case "remove":
      return update(json, path, () => undefined) ?? null;
    case "wrap":
      return update(json, path, (part) => [part])!;
    case "double":
      return update(json, path, (part) => (Array.isArray(part) ? [...part, ...part] : [part, part]))!;
    case "replace":
      return update(json, path, () => change.value)!;
    case "raw":
      return update(json, path, () => rawMark + JSON.stringify(change.value))!;
    case "rename":
      return rename(json, path, change.name);
    case "add":
      return update(json, path, (part) => (isObject(part) ? add(part, change.name, change.value) : change.value))!;
    case "copy":
      return update(json, path, () => partAt(json, pick(change.from)))!;
    case "tweak":
      return update(json, path, (part) => tweak(part, change.by))!;
  }
}

/** JSON text, with what `changeJson` marked. */
export function writeJson(json: Json): string {
  return JSON.stringify(json).replace(/"\\u0001raw:((?:[^"\\]|\\.)*)"/g, (marked: string, escaped: string) => {
    try {
      return rawText(JSON.parse(JSON.parse(`"${escaped}"`) as string) as RawText);
    } catch {
      return marked; // The mark itself was changed: it is a string like others.
    }
  });
}

function rawText({ raw, size }: RawText): string {
  switch (raw) {
    case "deepArray":
      return "[".repeat(size) + "]".repeat(size);
    case "deepObject":
      return '{"a":'.repeat(size) + "1" + "}".repeat(size);
    case "longString":
      return JSON.stringify("x".repeat(size));
    case "longArray":
      return `[${Array(size).fill(1).join(",")}]`;
    default:
      return raw;
  }
}

function isObject(json: Json): json is { readonly [key: string]: Json } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function* allPaths(json: Json, path: Path): Generator<Path> {
  yield path;
  if (typeof json !== "object" || json === null) return;
  for (const [key, part] of Object.entries(json)) yield* allPaths(part as Json, [...path, key]);
}

function partAt(json: Json, path: Path): Json {
  let part = json;
  for (const key of path) part = (part as { readonly [key: string]: Json })[key];
  return part;
}

/** `undefined` removes. Objects are built by entries: "__proto__" is a key like others. */
function update(json: Json, path: Path, change: (part: Json) => Json | undefined): Json | undefined {
  if (path.length === 0) return change(json);
  const [key, ...rest] = path;
  const entries = Object.entries(json as object).flatMap(([name, part]) => {
    if (name !== String(key)) return [[name, part as Json] as const];
    const changed = update(part as Json, rest, change);
    return changed === undefined ? [] : [[name, changed] as const];
  });
  return Array.isArray(json) ? entries.map(([, part]) => part) : Object.fromEntries(entries);
}

function rename(json: Json, path: Path, name: string): Json {
  if (path.length === 0) return { [name]: json };
  const key = String(path.at(-1));
  return update(json, path.slice(0, -1), (parent) =>
    isObject(parent)
      ? Object.fromEntries(Object.entries(parent).map(([old, part]) => [old === key ? name : old, part]))
      : Object.fromEntries(
          Object.entries(parent as object).map(([old, part]) => [old === key ? name : old, part as Json]),
        ),
  )!;
}

function add(object: { readonly [key: string]: Json }, name: string, value: Json): Json {
  return Object.fromEntries([...Object.entries(object), [name, value]]);
}

function tweak(part: Json, by: number): Json {
  if (typeof part === "number") return [part + 1, part - 1, -part, part * 2, part / 2, part + 2 ** 31][by % 6];
  if (typeof part === "boolean") return !part;
  if (typeof part !== "string") return by % 2 === 0 ? [part] : part;
  // int64 are text.
  if (/^-?\d+$/.test(part)) return [`${part}0`, `-${part}`, `${part}000000000`, "-1", "0", "1", `${part}.5`][by % 7];
  const forms = [
    `${part}:0`,
    `${part}:1`,
    `^${part}`,
    part.slice(0, -1),
    part.slice(1),
    part.toUpperCase(),
    `${part}_1`,
    `${part}/read`,
    part.replace(/:\d+$/, ""),
    ` ${part}`,
    part + part,
    `${part}\u0000`,
  ];
  return forms[by];
}
