/**
 * Messages as plain objects: their types without the library's own fields, and the way back to the library's messages.
 */
import { create, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";

type Leaf = Uint8Array | bigint | string | number | boolean | null | undefined;

/** A message of the generated schema as callers see it: fields only. */
export type Plain<T> = T extends Leaf
  ? T
  : T extends readonly (infer Item)[]
    ? Plain<Item>[]
    : { [Key in keyof T as Key extends "$typeName" | "$unknown" ? never : Key]: Plain<T[Key]> };

/** What a message can be made from: every field may be left out, except the two of a oneof (`case`, `value`). */
export type Init<T> = T extends Leaf
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Init<Item>[]
    : T extends { case: unknown }
      ? { readonly [Key in keyof T]: Init<T[Key]> }
      : { readonly [Key in keyof T as Key extends "$typeName" | "$unknown" ? never : Key]?: Init<T[Key]> };

/** A message, plain or the library's, when the schema says what is in it. */
export type Fields = Record<string, unknown>;

/** Value of a field, undefined when it is left out or another case of its oneof is set. */
export function fieldValue(fields: Fields, field: DescField): unknown {
  if (!field.oneof) return fields[field.localName];
  const oneof = fields[field.oneof.localName] as { case?: string; value?: unknown } | undefined;
  return oneof?.case === field.localName ? oneof.value : undefined;
}

/** Sets a field, in its oneof where it has one. */
export function setField(fields: Fields, field: DescField, value: unknown): void {
  if (field.oneof) fields[field.oneof.localName] = { case: field.localName, value };
  else fields[field.localName] = value;
}

/** The library's message with the fields of `plain`, at every depth: its writer takes nothing else. Unknown fields that
 * came with a decoded message are kept. */
export function toMessage(desc: DescMessage, plain: object): Message {
  const message = create(desc);
  const target = message as unknown as Fields;
  for (const field of desc.fields) {
    const value = fieldValue(plain as Fields, field);
    if (value !== undefined && value !== null) setField(target, field, toFieldValue(field, value));
  }
  const unknown = (plain as Message).$unknown;
  if (unknown) message.$unknown = unknown;
  return message;
}

function toFieldValue(field: DescField, value: unknown): unknown {
  if (!field.message) return value;
  const { message } = field;
  if (field.fieldKind === "list") return (value as object[]).map((item) => toMessage(message, item));
  if (field.fieldKind === "message") return toMessage(message, value as object);
  // fromEntries defines properties: a key "__proto__" stays a key.
  return Object.fromEntries(
    Object.entries(value as object).map(([key, item]) => [key, toMessage(message, item as object)]),
  );
}
