/** What requests must look like. Feeds and graphs, whose parts are many, have readers of their own (json.ts, src/formats). */
import * as v from "valibot";
import { InvalidArgumentError } from "../../src/graph/errors.ts";
import type { RunRequest } from "../api.ts";
import { feedFromJson, refuse } from "./json.ts";

const names = v.array(v.string());

/** A safe integer in a query, as text. */
const integerText = v.pipe(
  v.string(),
  v.regex(/^-?\d{1,16}$/, "an integer"),
  v.transform(Number),
  v.safeInteger("an integer"),
);

export const createQuery = v.strictObject({
  seed: v.optional(integerText),
  maxMemoryBytes: v.optional(v.pipe(integerText, v.minValue(1, "at least 1"))),
});

/** A body that asks for a built-in graph; every other one is a MetaGraphDef. */
export const exampleBody = v.strictObject({ example: v.string() });

/** The lower limit is the session's own. */
const repeat = v.pipe(v.number(), v.maxValue(1_000_000, "at most 1000000"));

/** An array passes as a record, too. */
const feeds = v.pipe(
  v.unknown(),
  v.check((json) => !Array.isArray(json), "an object"),
  v.record(v.string(), v.unknown()),
);

export const runBody = v.strictObject({
  fetches: names,
  feeds: v.optional(feeds),
  repeat: v.optional(repeat),
  collect: v.optional(names),
});

export const doctorBody = v.pick(runBody, ["fetches", "feeds"]);

/** What may stand in the query, for bodies that hold tensors only. Names may be repeated or separated by commas. */
export const runQuery = v.strictObject({
  fetches: v.optional(names),
  repeat: v.optional(v.pipe(integerText, repeat)),
  collect: v.optional(names),
});

export const doctorQuery = v.pick(runQuery, ["fetches"]);

/** Checks `json` and says where it does not fit. `place` is what the paths start from: "", or "query". */
export function check<S extends v.GenericSchema>(schema: S, json: unknown, place = ""): v.InferOutput<S> {
  if (Array.isArray(json)) refuse(place || "body", "an object", json);
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = [place, v.getDotPath(issue)].filter(Boolean).join(".") || "body";
  if (issue.expected === "never") throw new InvalidArgumentError(`'${path}' is not known here.`);
  return refuse(path, wanted(issue), issue.input);
}

/** A check of ours has its words as message, a type that failed its own. */
function wanted({ kind, type, expected, message }: v.BaseIssue<unknown>): string {
  if (kind !== "schema") return message;
  const words: { readonly [type: string]: string } = {
    string: "a string",
    number: "a number",
    array: "an array",
    strict_object: "an object",
    record: "an object",
  };
  return expected?.startsWith('"') && type === "strict_object" ? "given" : (words[type] ?? `one of ${expected}`);
}

/** The feeds of a body that has been checked. */
export function readFeeds(feeds: { readonly [name: string]: unknown } = {}): RunRequest["feeds"] {
  return Object.fromEntries(Object.entries(feeds).map(([name, json]) => [name, feedFromJson(json, `feeds.${name}`)]));
}

/** True for `{ "example": … }`, which no MetaGraphDef has. */
export function isExample(json: unknown): boolean {
  return typeof json === "object" && json !== null && Object.hasOwn(json, "example");
}
