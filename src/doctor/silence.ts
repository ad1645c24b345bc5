/** Silencing a rule for a part of a graph, with a reason. It is kept as an attribute of the operations, so that it travels in
 * their MetaGraphDef; TensorFlow leaves attributes alone whose name begins with "_". */
import { attr } from "../graph/attr.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import { getDefaultGraph } from "../graph/graph.ts";
import type { Operation } from "../graph/operation.ts";

/** Operations made in `body` are no case for the rule: `tf.silence("BN013", "kept for an old checkpoint", () => …)`. The doctor
 * still lists what it would have said, with the reason.
 * @throws InvalidArgumentError without a reason, or where `rule` is no rule's id */
export function silence<T>(rule: string, reason: string, body: () => T): T {
  checkIds([rule]);
  if (typeof reason !== "string" || reason.trim() === "")
    throw new InvalidArgumentError(`Silencing ${rule} needs a reason: say why it does not matter here.`);
  return getDefaultGraph().attrScope({ [`_silence_${rule}`]: attr.string(reason) }, body);
}

/** The reason why a rule says nothing about an operation; null if it may. */
export function silencedBy(op: Operation, rule: string): string | null {
  return op.hasAttr(`_silence_${rule}`) ? op.string(`_silence_${rule}`) : null;
}

/** Ids of rules, as a caller gives them. */
export function checkIds(ids: readonly string[]): void {
  for (const id of ids) {
    if (!/^(BN0(0[1-9]|1[0-4])|NN00[1-9])$/.test(id))
      throw new InvalidArgumentError(
        `There is no rule '${id}' to silence; rules are called BN001 … BN014, NN001 … NN009.`,
      );
  }
}
