/**
 * TensorFlow's MetaGraphDef (tensorflow/core/protobuf/meta_graph.proto), binary and proto3 JSON: what
 * `tf.compat.v1.train.export_meta_graph` writes. The schema is protobuf/metaGraphDef.proto.
 *
 * Messages are plain objects: 64-bit integers are bigints, a oneof is `{ case, value }`, a map an object with its keys in the
 * file's order. Import this file lazily: it brings the protobuf library with it.
 */
import { fromBinary, toBinary, type DescMessage } from "@bufbuild/protobuf";
import { InvalidArgumentError } from "../graph/errors.ts";
import { checkComplete } from "./protobuf/checkComplete.ts";
import { messageFromJson, messageToJson } from "./protobuf/json.ts";
import { toMessage, type Init, type Plain } from "./protobuf/message.ts";
import * as pb from "./protobuf/metaGraphDef_pb.ts";
import { findCut, recognise } from "./protobuf/wire.ts";

export { checkComplete };
export { DataType } from "./protobuf/metaGraphDef_pb.ts";

export interface MetaGraphDef extends Plain<pb.MetaGraphDef> {}
export interface MetaInfoDef extends Plain<pb.MetaGraphDef_MetaInfoDef> {}
export interface CollectionDef extends Plain<pb.CollectionDef> {}
export interface SignatureDef extends Plain<pb.SignatureDef> {}
export interface TensorInfo extends Plain<pb.TensorInfo> {}
export interface AssetFileDef extends Plain<pb.AssetFileDef> {}
export interface SaverDef extends Plain<pb.SaverDef> {}
export interface GraphDef extends Plain<pb.GraphDef> {}
export interface VersionDef extends Plain<pb.VersionDef> {}
export interface NodeDef extends Plain<pb.NodeDef> {}
export interface AttrValue extends Plain<pb.AttrValue> {}
export interface AttrListValue extends Plain<pb.AttrValue_ListValue> {}
export interface NameAttrList extends Plain<pb.NameAttrList> {}
export interface TensorProto extends Plain<pb.TensorProto> {}
export interface TensorShapeProto extends Plain<pb.TensorShapeProto> {}
export interface OpList extends Plain<pb.OpList> {}
export interface OpDef extends Plain<pb.OpDef> {}
export interface FunctionDefLibrary extends Plain<pb.FunctionDefLibrary> {}
export interface FunctionDef extends Plain<pb.FunctionDef> {}
export interface VariableDef extends Plain<pb.VariableDef> {}
export interface ValuesDef extends Plain<pb.ValuesDef> {}
export interface CondContextDef extends Plain<pb.CondContextDef> {}
export interface WhileContextDef extends Plain<pb.WhileContextDef> {}
export interface ControlFlowContextDef extends Plain<pb.ControlFlowContextDef> {}

/** The same with every field optional: what messages are written from. A oneof needs its `case` and `value`. */
export type MetaGraphDefInit = Init<pb.MetaGraphDef>;
export type NodeDefInit = Init<pb.NodeDef>;
export type AttrValueInit = Init<pb.AttrValue>;
export type TensorProtoInit = Init<pb.TensorProto>;
export type CollectionDefInit = Init<pb.CollectionDef>;
export type VariableDefInit = Init<pb.VariableDef>;
export type CondContextDefInit = Init<pb.CondContextDef>;

export interface DecodeOptions {
  /** Take a file whose collections do not fit its graph (see `checkComplete`) as it is. */
  readonly partial?: boolean;
}

/** A whole MetaGraphDef from the fields given, the others at their defaults. */
export function createMetaGraphDef(init: MetaGraphDefInit = {}): MetaGraphDef {
  return toMessage(pb.MetaGraphDefSchema, init) as pb.MetaGraphDef;
}

/**
 * Reads a binary MetaGraphDef (graph.meta). `bytes` fields of the result are views of `bytes`. What the schema does not know is
 * kept and written again by `encodeMetaGraphDef`.
 *
 * Throws InvalidArgumentError for an empty file, one that is cut short, and one that holds something else.
 */
export function decodeMetaGraphDef(bytes: Uint8Array, options: DecodeOptions = {}): MetaGraphDef {
  const what = "MetaGraphDef";
  if (bytes.length === 0) throw new InvalidArgumentError(`The ${what} is empty: 0 bytes.`);
  const other = recognise(bytes);
  if (other !== undefined) {
    throw new InvalidArgumentError(
      `This is no ${what}, but ${other}. Export one with tf.compat.v1.train.export_meta_graph.`,
    );
  }
  const cut = findCut(bytes);
  if (cut !== undefined) {
    throw new InvalidArgumentError(
      `The ${what} of ${bytes.length} bytes is cut short: it ends ${cut}. Get the file whole.`,
    );
  }
  const metaGraph = decode(pb.MetaGraphDefSchema, bytes, what);
  if (!metaGraph.graphDef)
    throw new InvalidArgumentError(
      `The ${what} of ${bytes.length} bytes has no graph_def: it is cut short or something else.`,
    );
  if (!options.partial) checkComplete(metaGraph);
  return metaGraph;
}

/** Writes a MetaGraphDef; one that was decoded gives the bytes TensorFlow wrote. */
export function encodeMetaGraphDef(metaGraph: MetaGraphDefInit): Uint8Array {
  return encode(pb.MetaGraphDefSchema, metaGraph, "MetaGraphDef");
}

/**
 * Reads proto3 JSON, as a string or parsed: `google.protobuf.json_format.MessageToJson(meta_graph)`. Names may be camelCase or
 * snake_case, fields that the schema does not know are ignored, float fields are rounded to float32.
 *
 * Throws InvalidArgumentError naming the field that is wrong.
 */
export function metaGraphDefFromJson(json: unknown): MetaGraphDef {
  const value = typeof json === "string" ? parseJson(json) : json;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InvalidArgumentError(
      `The JSON of a MetaGraphDef must be an object with 'graphDef', it is ${Array.isArray(value) ? "an array" : JSON.stringify(value)}.`,
    );
  }
  const metaGraph = messageFromJson(pb.MetaGraphDefSchema, value, "") as pb.MetaGraphDef;
  if (!metaGraph.graphDef) {
    throw new InvalidArgumentError(
      "node" in value
        ? "The JSON is a bare GraphDef, without collections: a MetaGraphDef holds it as 'graphDef'. Export one with tf.compat.v1.train.export_meta_graph."
        : "The JSON is no MetaGraphDef: it has no 'graphDef'.",
    );
  }
  return metaGraph;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`The MetaGraphDef is not JSON: ${(error as Error).message}.`, { cause: error });
  }
}

/** Proto3 JSON as TensorFlow writes it. Unknown fields are left out. */
export function metaGraphDefToJson(metaGraph: MetaGraphDefInit): { [key: string]: unknown } {
  return messageToJson(pb.MetaGraphDefSchema, metaGraph);
}

/** Reads a value of the collections `variables`, `trainable_variables` … */
export function decodeVariableDef(bytes: Uint8Array): VariableDef {
  return decode(pb.VariableDefSchema, bytes, "VariableDef");
}

export function encodeVariableDef(variable: VariableDefInit): Uint8Array {
  return encode(pb.VariableDefSchema, variable, "VariableDef");
}

/** Reads a value of the collection `cond_context`. */
export function decodeCondContextDef(bytes: Uint8Array): CondContextDef {
  return decode(pb.CondContextDefSchema, bytes, "CondContextDef");
}

export function encodeCondContextDef(context: CondContextDefInit): Uint8Array {
  return encode(pb.CondContextDefSchema, context, "CondContextDef");
}

function decode<Desc extends DescMessage>(desc: Desc, bytes: Uint8Array, what: string) {
  try {
    return fromBinary(desc, bytes);
  } catch (error) {
    throw new InvalidArgumentError(`The ${bytes.length} bytes are no ${what}: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}

function encode(desc: DescMessage, init: object, what: string): Uint8Array {
  try {
    return toBinary(desc, toMessage(desc, init));
  } catch (error) {
    throw new InvalidArgumentError(`The ${what} cannot be encoded: ${(error as Error).message}.`, { cause: error });
  }
}
