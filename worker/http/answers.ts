/** What the service answers, as schemas: the document is made from them, and tests hold the answers against it. */
import * as v from "valibot";

const dtypeNames = ["float32", "float64", "int64", "int32", "int16", "uint16", "int8", "uint8", "bool"] as const;

/** What JSON has no number for. */
const special = v.picklist(["NaN", "Infinity", "-Infinity", "-0"]);

const integerString = v.pipe(
  v.string(),
  v.regex(/^-?\d{1,20}$/),
  v.description("An int64, which no JSON number holds."),
);

const element = v.union([v.number(), v.boolean(), special, integerString]);

const sizes = v.array(v.pipe(v.number(), v.integer(), v.minValue(0)));

export const tensor = v.pipe(
  v.strictObject({ dtype: v.picklist(dtypeNames), shape: sizes, data: v.array(element) }),
  v.description(
    "A tensor's value, elements in row-major order. NaN and infinities are strings, int64 are strings, bool is true and false.",
  ),
);

export type NestedJson = v.InferOutput<typeof element> | NestedJson[];

export const nested: v.GenericSchema<NestedJson> = v.pipe(
  v.union([element, v.array(v.lazy(() => nested))]),
  v.description("A number, a boolean, or arrays of them, nested as the shape says."),
);

export const feedValue = v.pipe(
  v.union([
    nested,
    v.strictObject({ dtype: v.optional(v.picklist(dtypeNames)), shape: v.optional(sizes), data: nested }),
  ]),
  v.description("A number, a boolean, a nested array, or { dtype, shape, data } with data flat or nested."),
);

export const sessionInfo = v.strictObject({
  id: v.string(),
  nodes: v.pipe(v.number(), v.integer(), v.description("Operations in the graph.")),
  seed: v.pipe(v.number(), v.integer()),
  steps: v.pipe(v.number(), v.integer(), v.description("Runs so far, repetitions counted.")),
  variables: v.array(
    v.strictObject({
      name: v.string(),
      dtype: v.string(),
      shape: v.nullable(v.array(v.nullable(v.pipe(v.number(), v.integer())))),
      initialized: v.boolean(),
    }),
  ),
  memoryBytes: v.pipe(v.number(), v.integer(), v.description("Bytes of variables, plan constants and arena.")),
});

export const finding = v.pipe(
  v.strictObject({
    id: v.string(),
    severity: v.picklist(["error", "warning", "info"]),
    message: v.string(),
    ops: v.pipe(v.array(v.string()), v.description("Operations that the message names.")),
    fix: v.pipe(v.string(), v.description("What to write instead, as code.")),
    layers: v.optional(v.pipe(v.array(v.string()), v.description("The layers or variables concerned."))),
    figures: v.optional(
      v.pipe(v.record(v.string(), v.number()), v.description("What was measured, by layer or variable.")),
    ),
    silenced: v.optional(v.pipe(v.string(), v.description("Why nobody is warned of it."))),
  }),
  v.description("What the doctor found."),
);

export const runResult = v.strictObject({
  fetches: v.pipe(
    v.record(v.string(), v.nullable(tensor)),
    v.description("Values after the last run, by name; null for an operation."),
  ),
  series: v.pipe(v.record(v.string(), tensor), v.description("What collect asked for, one row a run.")),
  warnings: v.pipe(
    v.array(finding),
    v.description("What the doctor says of a kind of run that this session has not done before."),
  ),
});

export const layerStatistics = v.pipe(
  v.strictObject({
    layer: v.string(),
    mean: tensor,
    variance: tensor,
    momentum: v.nullable(v.number()),
    updates: v.pipe(
      v.nullable(v.number()),
      v.description("Runs that moved the statistics; null after values came from elsewhere."),
    ),
    residual: v.pipe(
      v.nullable(v.number()),
      v.description("momentum to the power of updates: what is left of the initial values."),
    ),
  }),
  v.description("The moving statistics of a batch-norm layer."),
);

const scalars = v.record(v.string(), v.union([v.number(), special]));

export const columnInfo = v.pipe(
  v.strictObject({
    name: v.string(),
    dtype: v.picklist(dtypeNames),
    shape: v.pipe(sizes, v.description("Of a row.")),
    rows: v.pipe(v.number(), v.integer()),
  }),
  v.description("Rows of training data."),
);

export const fitProgress = v.strictObject({
  step: v.pipe(v.number(), v.integer(), v.description("Steps made since the fit's beginning, this one included.")),
  steps: v.pipe(v.number(), v.integer()),
  epoch: v.pipe(v.number(), v.integer(), v.description("From 1.")),
  fetches: scalars,
  stepsPerSecond: v.pipe(v.nullable(v.number()), v.description("null at the edge, whose clock stands still.")),
  validation: v.optional(scalars),
});

const fitPlace = {
  step: v.pipe(v.number(), v.integer(), v.description("Steps made since the fit's beginning.")),
  steps: v.pipe(v.number(), v.integer(), v.description("Steps that it will have made when it ends.")),
  ended: v.pipe(v.nullable(v.string()), v.description("Why it is over; null while it is not.")),
};

export const fitInfo = v.strictObject({
  request: v.looseObject({}),
  ...fitPlace,
  state: v.pipe(v.looseObject({}), v.description("With a checkpoint, all that another session needs to go on.")),
});

export const fitSteps = v.strictObject({
  progress: v.pipe(v.array(fitProgress), v.description("One for each step made.")),
  ...fitPlace,
  warnings: v.pipe(v.array(finding), v.description("What the doctor says that it has not said before.")),
});

export const health = v.strictObject({ status: v.literal("ok"), version: v.string() });

export const problem = v.pipe(
  v.strictObject({
    type: v.pipe(v.string(), v.description("urn:trainlet: and the name of TensorFlow's class.")),
    title: v.string(),
    status: v.pipe(v.number(), v.integer()),
    detail: v.pipe(v.string(), v.description("What is wrong, with the path in the request or the names in the graph.")),
  }),
  v.description("An error (RFC 9457)."),
);

/** A MetaGraphDef in proto3 JSON. The reader of src/formats checks it, and ignores what it does not know. */
export const metaGraph = v.pipe(
  v.looseObject({
    metaInfoDef: v.optional(v.looseObject({})),
    graphDef: v.optional(
      v.looseObject({ node: v.optional(v.array(v.looseObject({ name: v.string(), op: v.string() }))) }),
    ),
    collectionDef: v.optional(v.record(v.string(), v.looseObject({}))),
  }),
  v.description(
    "A MetaGraphDef in proto3 JSON, as google.protobuf.json_format.MessageToJson writes it. Names may be snake_case.",
  ),
);
