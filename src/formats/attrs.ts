/** Attribute values and tensors between MetaGraphDef messages and the graph's own form. */
import type { Attr, AttrList } from "../graph/attr.ts";
import { dtypeFromEnum, type DType, type TypedArray } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import { sizeOf, type Shape } from "../graph/shape.ts";
import type { TensorValue } from "../graph/tensorValue.ts";
import type {
  AttrValue,
  AttrValueInit,
  DataType,
  TensorProto,
  TensorProtoInit,
  TensorShapeProto,
} from "./metaGraphDef.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** The graph's form of an attribute; what it has no form for is kept as the message. */
export function attrFromMessage(message: AttrValue, where: string): Attr {
  const { value } = message;
  switch (value.case) {
    case "s":
      return { s: textOf(value.value) };
    case "i":
      return { i: value.value };
    case "f":
      return { f: value.value };
    case "b":
      return { b: value.value };
    case "type": {
      const type = dtypeFromEnum(value.value);
      return type ? { type } : { opaque: message };
    }
    case "shape":
      return { shape: shapeFromMessage(value.value) };
    case "tensor": {
      const tensor = tensorFromMessage(value.value, where);
      return tensor ? { tensor } : { opaque: message };
    }
    case "list": {
      const { s, i, f, b, type, shape, tensor, func } = value.value;
      const types = type.map(dtypeFromEnum);
      if (tensor.length || func.length || types.includes(undefined)) return { opaque: message };
      const list: AttrList = {
        ...(s.length ? { s: s.map(textOf) } : {}),
        ...(i.length ? { i } : {}),
        ...(f.length ? { f } : {}),
        ...(b.length ? { b } : {}),
        ...(types.length ? { type: types as DType[] } : {}),
        ...(shape.length ? { shape: shape.map(shapeFromMessage) } : {}),
      };
      return { list };
    }
    default:
      return { opaque: message };
  }
}

export function attrToMessage(attr: Attr): AttrValueInit {
  if ("opaque" in attr) return attr.opaque as AttrValueInit;
  if ("s" in attr) return { value: { case: "s", value: bytesOf(attr.s) } };
  if ("i" in attr) return { value: { case: "i", value: attr.i } };
  if ("f" in attr) return { value: { case: "f", value: attr.f } };
  if ("b" in attr) return { value: { case: "b", value: attr.b } };
  if ("type" in attr) return { value: { case: "type", value: attr.type.enumValue as DataType } };
  if ("shape" in attr) return { value: { case: "shape", value: shapeToMessage(attr.shape) } };
  if ("tensor" in attr) return { value: { case: "tensor", value: tensorToMessage(attr.tensor) } };
  const { s, i, f, b, type, shape } = attr.list;
  return {
    value: {
      case: "list",
      value: {
        ...(s ? { s: s.map(bytesOf) } : {}),
        ...(i ? { i: [...i] } : {}),
        ...(f ? { f: [...f] } : {}),
        ...(b ? { b: [...b] } : {}),
        ...(type ? { type: type.map((item) => item.enumValue as DataType) } : {}),
        ...(shape ? { shape: shape.map(shapeToMessage) } : {}),
      },
    },
  };
}

/** Text where the bytes are UTF-8, else the bytes. */
function textOf(bytes: Uint8Array): string | Uint8Array {
  try {
    return decoder.decode(bytes);
  } catch {
    return bytes;
  }
}

function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === "string" ? encoder.encode(text) : text;
}

export function shapeFromMessage(message: TensorShapeProto): Shape {
  if (message.unknownRank) return null;
  return message.dim.map(({ size }) => (size < 0n ? null : Number(size)));
}

export function shapeToMessage(shape: Shape): { dim?: { size: bigint }[]; unknownRank?: boolean } {
  if (shape === null) return { unknownRank: true };
  return { dim: shape.map((size) => ({ size: BigInt(size ?? -1) })) };
}

/** Which repeated field of TensorProto holds the elements of a type. */
const valueFields = {
  float32: "floatVal",
  float64: "doubleVal",
  int32: "intVal",
  uint8: "intVal",
  int16: "intVal",
  int8: "intVal",
  uint16: "intVal",
  int64: "int64Val",
  bool: "boolVal",
} as const;

/** A constant; undefined for types that trainlet does not hold. */
function tensorFromMessage(message: TensorProto, where: string): TensorValue | undefined {
  const dtype = dtypeFromEnum(message.dtype);
  const shape = message.tensorShape ? shapeFromMessage(message.tensorShape) : [];
  if (!dtype || shape === null) return undefined;
  if (shape.includes(null)) throw new InvalidArgumentError(`The constant ${where} has an unknown dimension.`);
  const known = shape as readonly number[];
  const size = sizeOf(known);
  if (dtype.name === "string") return { dtype, shape: known, data: message.stringVal };
  const field = valueFields[dtype.name as keyof typeof valueFields];
  if (!field || !dtype.array) return undefined;
  const content = message.tensorContent;
  if (content.length > 0) {
    if (content.length !== size * dtype.size) {
      throw new InvalidArgumentError(
        `The constant ${where} has ${content.length} bytes, its shape [${known.join(",")}] of ${dtype} needs ${size * dtype.size}.`,
      );
    }
    return { dtype, shape: known, data: new dtype.array(new Uint8Array(content).buffer) };
  }
  const values: readonly (number | bigint | boolean)[] = message[field];
  if (values.length > size) {
    throw new InvalidArgumentError(
      `The constant ${where} has ${values.length} elements, its shape [${known.join(",")}] needs ${size}.`,
    );
  }
  // No value at all means zeros.
  const data = new dtype.array(values.length === 0 && size > 0 ? 1 : values.length);
  values.forEach(
    (value, i) => ((data as { [i: number]: number | bigint })[i] = typeof value === "boolean" ? Number(value) : value),
  );
  return { dtype, shape: known, data };
}

/** As tf.make_tensor_proto writes it: raw bytes for several elements, a value field for one (which may fill a shape). */
function tensorToMessage({ dtype, shape, data }: TensorValue): TensorProtoInit {
  const head = { dtype: dtype.enumValue as DataType, tensorShape: shapeToMessage(shape) };
  if (dtype.name === "string") return { ...head, stringVal: [...(data as readonly Uint8Array[])] };
  const elements = data as TypedArray;
  if (elements.length > 1 && elements.length === sizeOf(shape) && dtype.name !== "bool") {
    return {
      ...head,
      tensorContent: new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength).slice(),
    };
  }
  const field = valueFields[dtype.name as keyof typeof valueFields];
  const values = Array.from(elements as ArrayLike<number | bigint>, (value) =>
    dtype.name === "bool" ? value !== 0 : value,
  );
  return { ...head, [field]: values };
}
