/** Builds the request of a case: the valid one of its route, changed. */
import { gzipSync } from "node:zlib";
import { encodeSafetensors, type StoredTensor } from "../../src/formats/safetensors.ts";
import { fitRequestToJson } from "../../worker/http/fitJson.ts";
import type { Case, Change, BytesChange, RequestName } from "./cases.ts";
import { fitOf, fitRows, type Graphs } from "./graphs.ts";
import type { RawRequest } from "./http1.ts";
import { changeJson, writeJson, type Json } from "./json.ts";

/** What requests are made of. */
export interface Material {
  readonly graphs: Graphs;
  readonly photo: StoredTensor;
  /** Checkpoints of initialised sessions. */
  readonly smallCheckpoint: Uint8Array;
  readonly tutorialCheckpoint: Uint8Array;
}

/** Sessions that requests may do anything to. */
export interface Victims {
  readonly small: string;
  readonly tutorial: string;
}

/** A safetensors file whose parts can be changed one by one. */
interface File {
  header: { [name: string]: Json };
  data: Uint8Array;
  length: string | null;
}

/** A request while it is changed. */
interface Draft {
  method: string;
  /** With "{id}", perhaps with "{name}". */
  path: string;
  id: string;
  /** Of training data. */
  name: string;
  query: [name: string, value: string][];
  headers: [name: string, value: string][];
  json?: Json;
  file?: File;
  bytes?: Uint8Array;
  byteChanges: BytesChange[];
  transport: Pick<RawRequest, "declaredLength" | "chunked">;
  hangUpAt?: number;
  gzip?: { told: boolean; zipped: boolean };
}

const jsonType = "application/json";
const safetensorsType = "application/vnd.safetensors";

const smallFeeds: Json = {
  "x:0": [[1, 2, 3, 4]],
  "n_in:0": { dtype: "int64", shape: [2], data: ["1", "-2"] },
  "b_in:0": { dtype: "bool", data: [true, false] },
  "flag:0": false,
};

const smallFetches = ["y:0", "n:0", "b:0", "branch/Merge:0", "train", "count"];

function smallTensors(): [string, StoredTensor][] {
  return [
    ["x:0", { dtype: "float32", shape: [2, 4], data: Float32Array.from([1, -2, 3, 4, 5, 6, 7, 8]) }],
    ["n_in:0", { dtype: "int64", shape: [2], data: BigInt64Array.from([1n, -2n]) }],
    ["b_in:0", { dtype: "bool", shape: [1], data: Uint8Array.from([1]) }],
  ];
}

const requests: { readonly [Name in RequestName]: (m: Material, v: Victims) => Partial<Draft> & { path: string } } = {
  "create: an example": () => create(jsonType, { json: { example: "tutorial" } }),
  "create: a small graph as JSON": ({ graphs }) => create(jsonType, { json: graphs.smallJson }),
  "create: the tutorial as JSON": ({ graphs }) => create(jsonType, { json: graphs.tutorialJson }),
  "create: a small graph": ({ graphs }) => create("application/x-protobuf", { bytes: graphs.smallBinary }),
  "create: the tutorial": ({ graphs }) => create("application/x-protobuf", { bytes: graphs.tutorialBinary }),
  "create: LeNet": ({ graphs }) => create("application/x-protobuf", { bytes: graphs.lenetBinary }),
  info: (_, { small }) => ({ path: "/v1/sessions/{id}", id: small }),
  delete: (_, { small }) => ({ method: "DELETE", path: "/v1/sessions/{id}", id: small }),
  "run: all feeds as JSON": (_, { small }) =>
    post(small, "run", jsonType, {
      json: { fetches: smallFetches, feeds: smallFeeds, repeat: 2, collect: ["y:0", "w/read:0"] },
    }),
  "run: an operation": (_, { small }) => post(small, "run", jsonType, { json: { fetches: ["init"], repeat: 1 } }),
  "run: the tutorial without a photograph": (_, { tutorial }) =>
    post(tutorial, "run", jsonType, {
      json: { fetches: ["bn/moving_mean/read:0", "bn/gamma/read:0", "init"], feeds: { "training:0": false } },
    }),
  "run: tensors and a request": (_, { small }) =>
    post(small, "run", safetensorsType, {
      file: fileOf(smallTensors(), { fetches: smallFetches, feeds: { "flag:0": true }, repeat: 2, collect: ["y:0"] }),
    }),
  "run: tensors and a query": (_, { small }) =>
    post(small, "run", safetensorsType, {
      file: fileOf(smallTensors()),
      query: [
        ["fetches", "y:0,count"],
        ["repeat", "3"],
      ],
    }),
  "run: the photograph": ({ photo }, { tutorial }) =>
    post(tutorial, "run", safetensorsType, {
      file: fileOf([["input_node:0", photo]]),
      query: [["fetches", "train_op"]],
    }),
  "doctor: JSON": (_, { tutorial }) =>
    post(tutorial, "doctor", jsonType, { json: { fetches: ["net:0"], feeds: { "training:0": true } } }),
  "doctor: tensors": (_, { small }) =>
    post(small, "doctor", safetensorsType, { file: fileOf(smallTensors(), { fetches: ["y:0", "train"] }) }),
  "moving statistics": (_, { tutorial }) => ({ path: "/v1/sessions/{id}/moving-statistics", id: tutorial }),
  "read a checkpoint": (_, { small }) => ({ path: "/v1/sessions/{id}/checkpoint", id: small }),
  "restore a checkpoint": ({ smallCheckpoint }, { small }) => restore(small, smallCheckpoint),
  "restore the tutorial's checkpoint": ({ tutorialCheckpoint }, { tutorial }) => restore(tutorial, tutorialCheckpoint),
  "stop a run": (_, { small }) => ({ method: "DELETE", path: "/v1/sessions/{id}/run", id: small }),
  "list the data": (_, { small }) => ({ path: "/v1/sessions/{id}/data", id: small }),
  "put data": (_, { small }) => put(small, "data/{name}", safetensorsType, { file: fileOf([["rows", fitRows]]) }),
  "put more data": (_, { small }) =>
    put(small, "data/{name}", safetensorsType, { file: fileOf([["rows", fitRows]]), query: [["row", "7"]] }),
  "delete data": (_, { small }) => ({ method: "DELETE", path: "/v1/sessions/{id}/data/{name}", id: small }),
  "begin a fit": (_, { small }) => put(small, "fit", jsonType, { json: fitRequestToJson(fitOf(20)) as Json }),
  "where the fit stands": (_, { small }) => ({ path: "/v1/sessions/{id}/fit", id: small }),
  "steps of the fit": (_, { small }) => post(small, "fit/steps", jsonType, { json: { count: 6 } }),
  health: () => ({ path: "/healthz" }),
  openapi: () => ({ path: "/v1/openapi.json" }),
  docs: () => ({ path: "/v1/docs" }),
};

function create(type: string, body: Partial<Draft>): Partial<Draft> & { path: string } {
  return { method: "POST", path: "/v1/sessions", headers: [["content-type", type]], ...body };
}

function post(id: string, what: string, type: string, body: Partial<Draft>): Partial<Draft> & { path: string } {
  return { method: "POST", path: `/v1/sessions/{id}/${what}`, id, headers: [["content-type", type]], ...body };
}

function put(id: string, what: string, type: string, body: Partial<Draft>): Partial<Draft> & { path: string } {
  return { ...post(id, what, type, body), method: "PUT" };
}

function restore(id: string, checkpoint: Uint8Array): Partial<Draft> & { path: string } {
  return put(id, "checkpoint", safetensorsType, { file: readFile(checkpoint) });
}

/** `METHOD /path` as the routes are counted. */
export function routeOf(name: RequestName, material: Material): string {
  const { method = "GET", path } = requests[name](material, { small: "", tutorial: "" });
  return `${method} ${path}`;
}

/** True if what is sent is not what HTTP allows, or not all of it: then there may be no answer. */
export function isBroken({ changes }: Case): boolean {
  return changes.some(
    (change) =>
      ["hangUp", "length", "chunked"].includes(change.kind) ||
      (change.kind === "header" &&
        ["transfer-encoding", "content-length", "connection", "expect", "upgrade"].includes(change.name)),
  );
}

export function buildRequest({ request, changes }: Case, material: Material, victims: Victims): RawRequest {
  const draft: Draft = {
    method: "GET",
    id: "",
    name: "rows",
    query: [],
    headers: [],
    byteChanges: [],
    transport: {},
    ...requests[request](material, victims),
  };
  for (const change of changes) apply(draft, change);
  return finish(draft);
}

function apply(draft: Draft, change: Change): void {
  switch (change.kind) {
    case "json":
      if (draft.json !== undefined) draft.json = changeJson(draft.json, change.change);
      else if (draft.file) changeRequest(draft.file, (request) => changeJson(request, change.change));
      break;
    case "offsets":
      if (draft.file) draft.file.header = asObject(changeJson(draft.file.header, change.change));
      break;
    case "headerLength":
      if (draft.file) draft.file.length = change.length;
      break;
    case "tensor":
      if (draft.file) changeTensor(draft.file, change);
      break;
    case "node":
      if (draft.json !== undefined) draft.json = changeNode(draft.json, change);
      break;
    case "bytes":
      draft.byteChanges.push(change.change);
      break;
    case "large":
      draft.bytes = new Uint8Array(change.mebibytes * 1024 ** 2).fill(0x20);
      draft.json = undefined;
      draft.file = undefined;
      break;
    case "method":
      draft.method = change.value;
      break;
    case "header": {
      const { name, value } = change;
      draft.headers = draft.headers.filter(([other]) => other !== name);
      if (value !== null) draft.headers.push([name, value]);
      break;
    }
    case "id":
      draft.id = change.value;
      break;
    case "data":
      draft.name = change.value;
      break;
    case "path":
      draft.path += change.value;
      break;
    case "query":
      draft.query.push([change.name, change.value]);
      break;
    case "gzip":
      draft.gzip = change;
      break;
    case "hangUp":
      draft.hangUpAt = change.at;
      break;
    case "length":
      draft.transport = { ...draft.transport, declaredLength: change.value };
      break;
    case "chunked":
      draft.transport = { ...draft.transport, chunked: change.value };
      break;
  }
}

function finish(draft: Draft): RawRequest {
  const { method, path, id, name: data, query, headers, json, file, byteChanges, transport, hangUpAt, gzip } = draft;
  let body = draft.bytes ?? null;
  if (json !== undefined) body = new TextEncoder().encode(writeJson(json));
  if (file) body = writeFile(file);
  for (const change of byteChanges) body = body && changeBytes(body, change);
  if (gzip?.zipped && body) body = gzipSync(body);
  const search = query.map(([name, value]) => `${escape(name)}=${escape(value)}`).join("&");
  return {
    method,
    path: encodeSpaces(path.replace("{id}", () => id).replace("{name}", () => data)) + (search && `?${search}`),
    headers: [
      ...(headers.some(([name]) => name === "host") ? [] : [["host", "127.0.0.1"] as const]),
      ...(headers.some(([name]) => name === "connection") ? [] : [["connection", "close"] as const]),
      ...headers,
      ...(gzip?.told ? [["content-encoding", "gzip"] as const] : []),
    ],
    body: body && Uint8Array.from(body),
    ...transport,
    ...(hangUpAt !== undefined && { cutAt: Math.floor(((body?.length ?? 0) * hangUpAt) / 10_000) }),
  };
}

/** A space would end the request line: that is another mistake than the one that is meant. */
function encodeSpaces(path: string): string {
  return path.replace(/[\s\p{Cc}]/gu, encodeURIComponent);
}

function escape(text: string): string {
  return encodeSpaces(text).replaceAll("#", "%23");
}

// Safetensors

const sizes: { readonly [code: string]: number } = {
  F64: 8,
  I64: 8,
  F32: 4,
  I32: 4,
  U16: 2,
  I16: 2,
  U8: 1,
  I8: 1,
  BOOL: 1,
};

function fileOf(tensors: [string, StoredTensor][], request?: Json): File {
  return readFile(encodeSafetensors(tensors, request === undefined ? {} : { request: JSON.stringify(request) }));
}

function readFile(bytes: Uint8Array): File {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as File["header"];
  return { header, data: bytes.slice(8 + length), length: null };
}

function writeFile({ header, data, length }: File): Uint8Array {
  const text = new TextEncoder().encode(writeJson(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length ?? text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

function asObject(json: Json): File["header"] {
  return typeof json === "object" && json !== null && !Array.isArray(json) ? (json as File["header"]) : { "": json };
}

function changeRequest(file: File, change: (request: Json) => Json): void {
  const metadata = file.header.__metadata__ as { readonly [key: string]: Json } | undefined;
  const text = typeof metadata?.request === "string" ? metadata.request : "{}";
  let request: Json;
  try {
    request = JSON.parse(text) as Json;
  } catch {
    return;
  }
  file.header = { ...file.header, __metadata__: { ...metadata, request: writeJson(change(request)) } };
}

function changeTensor(file: File, { at, name, dtype, shape }: Extract<Change, { kind: "tensor" }>): void {
  const names = Object.keys(file.header).filter((key) => key !== "__metadata__");
  const old = names[Math.floor((at / 10_000) * names.length)];
  if (old === undefined) return;
  const bytes = shape.reduce((product, size) => product * size, 1) * sizes[dtype];
  const entries: [string, Json][] = [];
  const parts: Uint8Array[] = [];
  let end = 0;
  for (const [key, entry] of Object.entries(file.header)) {
    if (key === "__metadata__") {
      entries.push([key, entry]);
      continue;
    }
    const { data_offsets: offsets } = (entry ?? {}) as { data_offsets?: unknown };
    const [from, to] = (Array.isArray(offsets) ? offsets : [0, 0]) as number[];
    // 1 is a number of every dtype.
    const part = key === old ? new Uint8Array(bytes).fill(1) : file.data.slice(from, to);
    parts.push(part);
    const told = key === old ? { dtype, shape } : asObject(entry);
    entries.push([key === old ? (name ?? key) : key, { ...told, data_offsets: [end, end + part.length] } as Json]);
    end += part.length;
  }
  file.header = Object.fromEntries(entries);
  file.data = new Uint8Array(Buffer.concat(parts));
}

// Graphs

interface NodeJson {
  readonly name?: string;
  readonly op?: string;
  readonly input?: readonly string[];
  readonly attr?: { readonly [name: string]: Json };
}

function changeNode(graph: Json, { at, part, value, other }: Extract<Change, { kind: "node" }>): Json {
  const nodes = (graph as { graphDef?: { node?: readonly NodeJson[] } } | null)?.graphDef?.node;
  if (!Array.isArray(nodes) || nodes.length === 0) return graph;
  const index = Math.floor((at / 10_000) * nodes.length);
  const target = String((nodes[Math.floor((other / 10_000) * nodes.length)] as NodeJson | null)?.name);
  const node = nodes[index] as NodeJson;
  const changed = nodes.with(index, changedNode(node, part, value, target, other)) as Json;
  const whole = graph as { readonly [key: string]: Json };
  return { ...whole, graphDef: { ...(whole.graphDef as object), node: changed } };
}

function changedNode(node: NodeJson, part: string, value: string, target: string, other: number): NodeJson {
  const { input = [], attr = {} } = node ?? {};
  switch (part) {
    case "input": {
      const name = [target, `^${target}`, `${target}:1`, `${target}:${value}`][other % 4];
      const known = Array.isArray(input) ? (input as string[]) : [];
      return { ...node, input: other % 3 === 0 || known.length === 0 ? [...known, name] : known.with(0, name) };
    }
    case "op":
      return { ...node, op: value };
    case "shape": {
      const dim = [{ size: value }, ...(other % 2 === 0 ? [{ size: "4" }] : [])];
      const value_ = attr.value as { tensor?: object } | undefined;
      return value_?.tensor
        ? { ...node, attr: { ...attr, value: { tensor: { ...value_.tensor, tensorShape: { dim } } } } }
        : { ...node, attr: { ...attr, shape: { shape: { dim } } } };
    }
    default: {
      const key = ["dtype", "T", "DstT", "Tidx"].find((name) => Object.hasOwn(attr, name)) ?? "dtype";
      return { ...node, attr: { ...attr, [key]: { type: value } } };
    }
  }
}

// Bytes

function changeBytes(bytes: Uint8Array, change: BytesChange): Uint8Array {
  const at = Math.floor((change.at / 10_000) * bytes.length);
  const before = bytes.subarray(0, at);
  const joined = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
  switch (change.bytes) {
    case "flip": {
      const copy = bytes.slice();
      if (copy.length > 0) copy[at] ^= change.mask;
      return copy;
    }
    case "cut":
      return before.slice();
    case "insert":
      return joined(before, new Uint8Array(change.count).fill(change.value), bytes.subarray(at));
    case "remove":
      return joined(before, bytes.subarray(at + change.count));
    case "repeat":
      return joined(before, bytes.subarray(at, at + change.count), bytes.subarray(at));
    case "ones":
      return joined(before, new Uint8Array(change.count).fill(0xff), bytes.subarray(at + change.count));
  }
}
