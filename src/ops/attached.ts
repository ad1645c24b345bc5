/** Which definition an operation has: kept with the operation, so that a program brings the ops it builds and no others.
 * Only import looks definitions up by name (registry.ts). */
import type { Operation } from "../graph/operation.ts";
import { noGradient, type OpDefinition } from "./definition.ts";

const definitions = new WeakMap<Operation, OpDefinition>();
const unknown = new Map<string, OpDefinition>();

export function attach(op: Operation, definition: OpDefinition): Operation {
  definitions.set(op, definition);
  return op;
}

/** The definition of an operation of a graph. One of a type that trainlet does not know may stand there, but not run. */
export function definitionOf(op: Operation): OpDefinition {
  return definitions.get(op) ?? unknownOp(op.type);
}

function unknownOp(type: string): OpDefinition {
  let definition = unknown.get(type);
  if (!definition) {
    const why = `'${type}' is not supported; FEATURES.md lists what is`;
    definition = {
      type,
      outputs: () => [],
      shape: () => [],
      plan: { kind: "refused", why },
      gradient: noGradient(why),
    };
    unknown.set(type, definition);
  }
  return definition;
}
