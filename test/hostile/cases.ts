/** A hostile request as plain data: a valid request of some route, and what is changed about it. */
import * as fc from "fast-check";
import { jsonChange, place, type JsonChange } from "./json.ts";

export type BytesChange =
  | { readonly bytes: "flip"; readonly at: number; readonly mask: number }
  | { readonly bytes: "cut"; readonly at: number }
  | { readonly bytes: "insert"; readonly at: number; readonly value: number; readonly count: number }
  | { readonly bytes: "remove" | "repeat"; readonly at: number; readonly count: number }
  /** The largest varint, or eight bytes of a length. */
  | { readonly bytes: "ones"; readonly at: number; readonly count: number };

export type Change =
  /** The JSON of the body: the whole, or the request in the metadata of a safetensors file. */
  | { readonly kind: "json"; readonly change: JsonChange }
  /** The header of a safetensors file, whose data stay as they are. */
  | { readonly kind: "offsets"; readonly change: JsonChange }
  | { readonly kind: "headerLength"; readonly length: string }
  /** A tensor with data that fit: another name, dtype and shape. */
  | {
      readonly kind: "tensor";
      readonly at: number;
      readonly name: string | null;
      readonly dtype: string;
      readonly shape: readonly number[];
    }
  | { readonly kind: "bytes"; readonly change: BytesChange }
  /** A node of a graph. */
  | {
      readonly kind: "node";
      readonly at: number;
      readonly part: "input" | "op" | "shape" | "dtype";
      readonly value: string;
      readonly other: number;
    }
  | { readonly kind: "method"; readonly value: string }
  | { readonly kind: "header"; readonly name: string; readonly value: string | null }
  | { readonly kind: "id"; readonly value: string }
  /** The name of training data, in the path. */
  | { readonly kind: "data"; readonly value: string }
  | { readonly kind: "path"; readonly value: string }
  | { readonly kind: "query"; readonly name: string; readonly value: string }
  | { readonly kind: "gzip"; readonly told: boolean; readonly zipped: boolean }
  | { readonly kind: "hangUp"; readonly at: number }
  | { readonly kind: "length"; readonly value: string }
  | { readonly kind: "chunked"; readonly value: "good" | "bad" }
  | { readonly kind: "large"; readonly mebibytes: number };

export interface Case {
  readonly request: RequestName;
  readonly changes: readonly Change[];
}

const bytesChange: fc.Arbitrary<BytesChange> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ bytes: fc.constant("flip" as const), at: place, mask: fc.integer({ min: 1, max: 255 }) }),
  },
  { weight: 2, arbitrary: fc.record({ bytes: fc.constant("cut" as const), at: place }) },
  {
    weight: 1,
    arbitrary: fc.record({
      bytes: fc.constant("insert" as const),
      at: place,
      value: fc.nat(255),
      count: fc.constantFrom(1, 8, 1000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      bytes: fc.constantFrom("remove" as const, "repeat"),
      at: place,
      count: fc.constantFrom(1, 8, 100),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ bytes: fc.constant("ones" as const), at: place, count: fc.constantFrom(1, 5, 8, 9) }),
  },
);

/** Tensors that fit their data; none is large. */
const tensor = fc.record({
  kind: fc.constant("tensor" as const),
  at: place,
  name: fc.constantFrom(
    null,
    null,
    "x:0",
    "n_in:0",
    "b_in:0",
    "flag:0",
    "y:0",
    "w:0",
    "w/read:0",
    "w",
    "counter",
    "input_node:0",
    "training:0",
    "",
    "__proto__",
    "constructor",
    "series:x:0",
  ),
  dtype: fc.constantFrom("F32", "F32", "F64", "I64", "I32", "U16", "I16", "U8", "I8", "BOOL"),
  shape: fc.constantFrom<readonly number[]>(
    [],
    [0],
    [1],
    [4],
    [5],
    [1, 4],
    [3, 4],
    [0, 4],
    [200, 4],
    [4, 3],
    [1, 100, 100, 3],
    [0, 100, 100, 3],
    [1, 0, 100, 3],
    [1e9, 0],
    [3, 3, 3, 32],
    Array<number>(33).fill(1),
  ),
});

const someOps =
  "Placeholder Const Identity AddV2 Mul Sub Neg Conv2D BiasAdd FusedBatchNormV3 Switch Merge VariableV2 Assign AssignAdd " +
  "AssignSub RandomUniform Mean Reshape Fill NoOp Enter While MatMul Squeeze Shape Cast Rsqrt PlaceholderWithDefault NoSuchOp";
const someSizes = "0 -1 1 3 4 100 65536 1048576 33554432 2147483648 1099511627776 9223372036854775807";
const someTypes = "DT_FLOAT DT_DOUBLE DT_INT32 DT_INT64 DT_BOOL DT_STRING DT_RESOURCE DT_FLOAT_REF DT_HALF DT_INVALID";

const node: fc.Arbitrary<Change> = fc.oneof(
  ...(
    [
      ["input", 2, ["0", "1", "7"]],
      ["op", 1, ["", ...someOps.split(" ")]],
      ["shape", 1, someSizes.split(" ")],
      ["dtype", 1, someTypes.split(" ")],
    ] as const
  ).map(([part, weight, values]) => ({
    weight,
    arbitrary: fc.record({
      kind: fc.constant("node" as const),
      at: place,
      part: fc.constant(part),
      value: fc.constantFrom(...values),
      other: place,
    }),
  })),
);

const json: fc.Arbitrary<Change> = fc.record({ kind: fc.constant("json" as const), change: jsonChange });
const offsets: fc.Arbitrary<Change> = fc.record({ kind: fc.constant("offsets" as const), change: jsonChange });
const headerLength: fc.Arbitrary<Change> = fc.record({
  kind: fc.constant("headerLength" as const),
  length: fc.constantFrom("0", "1", "7", "8", "100", "2147483648", "9007199254740993", "18446744073709551615"),
});
const bytes: fc.Arbitrary<Change> = fc.record({ kind: fc.constant("bytes" as const), change: bytesChange });

const types = [
  "application/json",
  "application/vnd.safetensors",
  "application/x-protobuf",
  "text/plain",
  "multipart/form-data; boundary=x",
  "APPLICATION/JSON; charset=utf-16",
  "application/json;",
  ";",
  "*/*",
];

/** What HTTP itself has: it is the same for every request. */
const transport: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("method" as const),
      value: fc.constantFrom(
        "GET",
        "POST",
        "PUT",
        "DELETE",
        "PATCH",
        "HEAD",
        "OPTIONS",
        "TRACE",
        "PROPFIND",
        "get",
        "NOSUCH",
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("header" as const),
      name: fc.constant("content-type"),
      value: fc.constantFrom(null, ...types),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.oneof(
      fc.record({
        kind: fc.constant("header" as const),
        name: fc.constant("accept"),
        value: fc.constantFrom(
          "application/vnd.safetensors",
          "application/vnd.safetensors;q=0",
          "application/json",
          "text/html",
          "*/*",
          "x",
          "",
        ),
      }),
      // Not one that is no host name: wrangler's proxy breaks off by itself then.
      fc.record({
        kind: fc.constant("header" as const),
        name: fc.constant("host"),
        value: fc.constantFrom("x", "other.test:80", "[::1]", "127.0.0.1:1"),
      }),
      fc.record({
        kind: fc.constant("header" as const),
        name: fc.constantFrom(
          "authorization",
          "origin",
          "access-control-request-method",
          "content-encoding",
          "transfer-encoding",
          "expect",
          "range",
          "if-none-match",
          "x-http-method-override",
          "cookie",
          "upgrade",
          "connection",
          "content-length",
        ),
        value: fc.constantFrom(
          "",
          "x",
          "Bearer x",
          "https://a.test",
          "null",
          "gzip",
          "identity",
          "100-continue",
          "bytes=0-1",
          "*",
          "DELETE",
          "websocket",
          "é",
          "0",
          "a".repeat(20_000),
        ),
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("id" as const),
      value: fc.constantFrom(
        "",
        "x",
        "0".repeat(64),
        "f".repeat(64),
        "%00",
        "%ff",
        "%zz",
        "..",
        "%2e%2e",
        "constructor",
        "__proto__",
        "😀",
        "a".repeat(9000),
        "*",
        "%2F",
        "{id}",
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("path" as const),
      value: fc.constantFrom(
        "/",
        "//",
        "/.",
        "/..",
        "/run",
        "/checkpoint",
        "/nothing",
        "%20",
        ";x",
        "/%2e%2e/%2e%2e/",
        "/".repeat(3000),
        "#x",
        "?",
        "\\",
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("query" as const),
      name: fc.constantFrom(
        "fetches",
        "repeat",
        "collect",
        "seed",
        "maxMemoryBytes",
        "feeds",
        "row",
        "__proto__",
        "constructor",
        "",
        "%zz",
        "a".repeat(5000),
      ),
      value: fc.constantFrom(
        "",
        "0",
        "1",
        "2",
        "-1",
        "1.5",
        "1e3",
        "NaN",
        "Infinity",
        "99999999",
        "9007199254740993",
        "y:0",
        "init",
        "train_op",
        "y:0,count",
        ",",
        "%ff",
        "%",
        "__proto__",
        "x".repeat(5000),
        "1&seed=2",
        "100000",
        "50000000",
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("gzip" as const), told: fc.boolean(), zipped: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("hangUp" as const), at: place }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("length" as const),
      value: fc.constantFrom("0", "1", "-1", "x", "99999", "99999999999", "9999999999999999999999", "1, 1"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("chunked" as const), value: fc.constantFrom("good" as const, "bad") }),
  },
);

/** The name of data, and the row where a part of them begins. */
const rows: fc.Arbitrary<Change> = fc.oneof(
  fc.record({
    kind: fc.constant("data" as const),
    value: fc.constantFrom("rows", "other", "", "%00", "%2F", "..", "__proto__", "constructor", "😀", "a".repeat(1001)),
  }),
  fc.record({
    kind: fc.constant("query" as const),
    name: fc.constant("row"),
    value: fc.constantFrom(
      "0",
      "1",
      "6",
      "7",
      "8",
      "-1",
      "1.5",
      "7e0",
      "07",
      "",
      "4294967296",
      "9007199254740991",
      "9007199254740993",
    ),
  }),
);

/** Bodies at and over the limits: few, since each takes its time. */
const large: fc.Arbitrary<Change> = fc.record({
  kind: fc.constant("large" as const),
  mebibytes: fc.constantFrom(1, 9, 33),
});

type BodyKind = "none" | "json" | "safetensors" | "rows" | "deletion" | "protobuf" | "graph";

const fileChanges: readonly fc.WeightedArbitrary<Change>[] = [
  { weight: 80, arbitrary: tensor },
  { weight: 60, arbitrary: json },
  { weight: 60, arbitrary: offsets },
  { weight: 10, arbitrary: headerLength },
  { weight: 30, arbitrary: bytes },
  { weight: 60, arbitrary: transport },
  { weight: 1, arbitrary: large },
];

const changesOf: { readonly [Kind in BodyKind]: fc.Arbitrary<Change> } = {
  none: transport,
  json: fc.oneof(
    { weight: 200, arbitrary: json },
    { weight: 30, arbitrary: bytes },
    { weight: 70, arbitrary: transport },
    { weight: 1, arbitrary: large },
  ),
  safetensors: fc.oneof(...fileChanges),
  rows: fc.oneof(...fileChanges, { weight: 90, arbitrary: rows }),
  deletion: fc.oneof(transport, rows),
  protobuf: fc.oneof(
    { weight: 250, arbitrary: bytes },
    { weight: 50, arbitrary: transport },
    { weight: 1, arbitrary: large },
  ),
  graph: fc.oneof(
    { weight: 120, arbitrary: json },
    { weight: 120, arbitrary: node },
    { weight: 20, arbitrary: bytes },
    { weight: 40, arbitrary: transport },
    { weight: 1, arbitrary: large },
  ),
};

/** The valid requests (requests.ts makes them), what their bodies are, and how often each is taken. */
export const requestKinds = {
  "create: an example": { body: "json", weight: 2 },
  "create: a small graph as JSON": { body: "graph", weight: 16 },
  "create: the tutorial as JSON": { body: "graph", weight: 5 },
  "create: a small graph": { body: "protobuf", weight: 8 },
  "create: the tutorial": { body: "protobuf", weight: 4 },
  "create: LeNet": { body: "protobuf", weight: 1 },
  info: { body: "none", weight: 2 },
  delete: { body: "none", weight: 2 },
  "run: all feeds as JSON": { body: "json", weight: 16 },
  "run: an operation": { body: "json", weight: 6 },
  "run: the tutorial without a photograph": { body: "json", weight: 4 },
  "run: tensors and a request": { body: "safetensors", weight: 12 },
  "run: tensors and a query": { body: "safetensors", weight: 6 },
  "run: the photograph": { body: "safetensors", weight: 3 },
  "doctor: JSON": { body: "json", weight: 5 },
  "doctor: tensors": { body: "safetensors", weight: 2 },
  "moving statistics": { body: "none", weight: 2 },
  "read a checkpoint": { body: "none", weight: 2 },
  "restore a checkpoint": { body: "safetensors", weight: 8 },
  "restore the tutorial's checkpoint": { body: "safetensors", weight: 3 },
  "stop a run": { body: "none", weight: 2 },
  "list the data": { body: "none", weight: 2 },
  "put data": { body: "rows", weight: 6 },
  "put more data": { body: "rows", weight: 6 },
  "delete data": { body: "deletion", weight: 2 },
  "begin a fit": { body: "json", weight: 10 },
  "where the fit stands": { body: "none", weight: 2 },
  "steps of the fit": { body: "json", weight: 8 },
  health: { body: "none", weight: 1 },
  openapi: { body: "none", weight: 1 },
  docs: { body: "none", weight: 1 },
} as const satisfies { readonly [name: string]: { readonly body: BodyKind; readonly weight: number } };

export type RequestName = keyof typeof requestKinds;

export const hostileCase: fc.Arbitrary<Case> = fc.oneof(
  ...Object.entries(requestKinds).map(([name, { body, weight }]) => ({
    weight,
    arbitrary: fc.record({
      request: fc.constant(name as RequestName),
      changes: fc.oneof(
        { weight: 6, arbitrary: fc.tuple(changesOf[body]) },
        { weight: 3, arbitrary: fc.array(changesOf[body], { minLength: 2, maxLength: 3 }) },
      ),
    }),
  })),
);
