/** What requests must look like. Feeds and graphs, whose parts are many, have readers of their own (json.ts, src/formats). */
import * as v from "valibot";
import { InvalidArgumentError } from "../../src/graph/errors.ts";
import type { FeedValue, TypedArray } from "../../src/index.ts";
import type { RunRequest } from "../api.ts";
import { FeedBudget, feedFromJson, refuse } from "./json.ts";
import { maxFitSteps, maxNameLength, maxNames, maxRepeat } from "./limits.ts";

const name = v.pipe(v.string(), v.maxLength(maxNameLength, `a name of at most ${maxNameLength} characters`));

const names = v.pipe(v.array(name), v.maxLength(maxNames, `at most ${maxNames} names`));

/** A safe integer in a query, as text. */
const integerText = v.pipe(
  v.string(),
  v.regex(/^-?\d{1,16}$/, "an integer"),
  v.transform(Number),
  v.safeInteger("an integer"),
);

export const createQuery = v.strictObject({
  seed: v.optional(
    v.pipe(integerText, v.description("Seed of random operations that have none. Default: drawn, and told by info.")),
  ),
  maxMemoryBytes: v.optional(
    v.pipe(
      integerText,
      v.minValue(1, "at least 1"),
      v.description(
        "What variables, constants and the arena may take together. Default: the host's, 64 MiB at the edge.",
      ),
    ),
  ),
});

/** A body that asks for a built-in graph; every other one is a MetaGraphDef. */
export const exampleBody = v.pipe(
  v.strictObject({
    example: v.pipe(v.string(), v.description("tutorial, tutorial-forgotten, mnist or mnist-forgotten")),
  }),
  v.description("A built-in graph."),
);

/** The lower limit is the session's own. */
const repeat = v.pipe(
  v.number(),
  v.maxValue(maxRepeat, `at most ${maxRepeat}`),
  v.metadata({
    description: "Runs the step so many times with the same feeds. Default 1.",
    type: "integer",
    minimum: 1,
  }),
);

/** Checked by json.ts, element by element; the document describes it as answers.ts does. */
export const feed = v.unknown();

/** An array passes as a record, too. */
export const feeds = v.pipe(
  v.unknown(),
  v.check((json) => !Array.isArray(json), "an object"),
  v.record(v.string(), feed),
  v.check((json) => Object.keys(json).length <= maxNames, `at most ${maxNames} tensors`),
);

const fetches = v.pipe(names, v.description("Names of tensors (net:0) or operations (train_op)."));

const collect = v.pipe(
  names,
  v.description("Tensors whose value after every run is returned, stacked along a new first axis."),
);

export const runBody = v.strictObject({
  fetches,
  feeds: v.optional(feeds),
  repeat: v.optional(repeat),
  collect: v.optional(collect),
});

const severity = v.pipe(
  v.picklist(["error", "warning", "info"]),
  v.description("Leaves out findings that are less severe. Default warning."),
);

export const doctorBody = v.strictObject({
  ...v.pick(runBody, ["fetches", "feeds"]).entries,
  severity: v.optional(severity),
});

/** What may stand in the query, for bodies that hold tensors only. Names may be repeated or separated by commas. */
export const runQuery = v.strictObject({
  fetches: v.optional(fetches),
  repeat: v.optional(v.pipe(integerText, repeat)),
  collect: v.optional(collect),
});

export const doctorQuery = v.strictObject({
  ...v.pick(runQuery, ["fetches"]).entries,
  severity: v.optional(severity),
});

/** What may be said of rows that are put. */
export const dataQuery = v.strictObject({
  row: v.optional(
    v.pipe(
      integerText,
      v.minValue(0, "at least 0"),
      v.description("Where the rows begin. Default 0: the data are made anew. Parts follow without a gap."),
    ),
  ),
});

const count = v.pipe(v.number(), v.integer("an integer"), v.minValue(1, "at least 1"));

/** Names by a name. */
const named = v.record(v.string(), name);

const constants = v.optional(v.pipe(feeds, v.description("Feeds that stay the same in every step.")));

const columns = v.pipe(named, v.description("Names of data, by tensor: a row is a sample."));

const pixels = v.pipe(v.number(), v.integer("an integer"), v.minValue(0, "at least 0"));

const augment = v.optional(
  v.pipe(
    v.record(
      v.string(),
      v.strictObject({
        shift: v.optional(pixels),
        flip: v.optional(v.boolean()),
        crop: v.optional(v.tuple([count, count])),
      }),
    ),
    v.description("What happens to pictures on their way into a batch, by tensor."),
  ),
);

const scalars = v.pipe(named, v.description("Tensors of one number, by names of your choice."));

export const fitBody = v.strictObject({
  feeds: columns,
  constants,
  augment,
  train: v.pipe(name, v.description("The training operation.")),
  fetches: v.optional(
    v.pipe(scalars, v.description("What every step reports. The one called loss must be finite; else the fit ends.")),
  ),
  batchSize: count,
  epochs: v.optional(v.pipe(count, v.description("Where the fit ends, counted from its beginning; or give steps."))),
  steps: v.optional(count),
  seed: v.optional(v.pipe(v.number(), v.safeInteger("an integer"), v.description("Decides the order of the rows."))),
  lastBatch: v.optional(v.picklist(["keep", "drop"])),
  checkNumerics: v.optional(v.boolean()),
  validation: v.optional(
    v.pipe(
      v.strictObject({
        feeds: columns,
        constants,
        augment,
        fetches: scalars,
        batchSize: v.optional(count),
        every: v.optional(v.union([v.literal("epoch"), count])),
      }),
      v.description("Means over all rows of other data, after every epoch or so many steps."),
    ),
  ),
  earlyStopping: v.optional(
    v.strictObject({
      monitor: v.string(),
      patience: count,
      mode: v.optional(v.picklist(["min", "max"])),
      minDelta: v.optional(v.number()),
    }),
  ),
  resume: v.optional(
    v.pipe(v.looseObject({}), v.description("The state of another fit, whose checkpoint the session has restored.")),
  ),
});

export const fitStepsBody = v.strictObject({
  count: v.optional(
    v.pipe(count, v.maxValue(maxFitSteps, `at most ${maxFitSteps}`), v.description("How many steps. Default 1.")),
  ),
});

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

/** The feeds of a body that has been checked, and of the tensors that came with it. */
export function readFeeds(
  feeds: { readonly [name: string]: unknown } = {},
  tensors: { readonly [name: string]: FeedValue } = {},
): RunRequest["feeds"] {
  const budget = new FeedBudget();
  for (const [name, value] of Object.entries(tensors)) {
    const data = ArrayBuffer.isView(value) ? value : (value as { data: TypedArray }).data;
    budget.take(data.byteLength, `feeds.${name}`);
  }
  const read = Object.entries(feeds).map(
    ([name, json]) => [name, feedFromJson(json, `feeds.${name}`, budget)] as const,
  );
  return { ...Object.fromEntries(read), ...tensors };
}

/** True for `{ "example": … }`, which no MetaGraphDef has. */
export function isExample(json: unknown): boolean {
  return typeof json === "object" && json !== null && Object.hasOwn(json, "example");
}
