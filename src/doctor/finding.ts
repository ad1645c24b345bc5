/** What the doctor says, the same form in every host, and what a rule is. */
import type { Operation, Tensor } from "../graph/operation.ts";
import type { Examination } from "./examination.ts";

/** error: the result is wrong. warning: most likely it is. info: worth knowing. */
export type Severity = "error" | "warning" | "info";

export interface Finding {
  /** The rule: BN001. */
  readonly id: string;
  readonly severity: Severity;
  /** One or two sentences that name the layers and the operations. */
  readonly message: string;
  /** Names of the operations concerned. */
  readonly ops: readonly string[];
  /** What to write instead, as code. */
  readonly fix: string;
  /** The layers concerned. */
  readonly layers?: readonly string[];
  /** What was measured, by layer or variable. */
  readonly figures?: { readonly [name: string]: number };
  /** Why nobody is warned: the reason given to tf.silence, or that the session was told so. */
  readonly silenced?: string;
}

/** One place where a rule applies. The cases of a rule that are equally severe become one finding. */
export interface Case {
  readonly ops: readonly Operation[];
  /** The layer, or the variable. */
  readonly name: string;
  readonly figure?: number;
  /** Default: the rule's. */
  readonly severity?: Severity;
}

export interface Rule {
  readonly id: string;
  /** Of a finding, unless its cases say otherwise. */
  readonly severity: Severity;
  look(x: Examination): readonly Case[];
  /** The message about these cases. */
  say(cases: readonly Case[], x: Examination): string;
  readonly fix: string;
  /** True for a rule that looks at what a session has done so far, and is therefore asked again. */
  readonly ofSession?: true;
  /** For a rule that needs values of a run: the tensors that a checkup fetches for it. */
  wants?(x: Examination): readonly Tensor[];
}

/** What the rule's page in docs/doctor is made of. It lives in the rule's file and is no part of a bundle. */
export interface RulePage {
  readonly title: string;
  /** S: seen in the graph. R: seen in a run. I: seen on import. */
  readonly seen: string;
  /** Two sentences: why it hurts. */
  readonly why: string;
  /** Where people met it, and prior art. */
  readonly sources: readonly string[];
  /** The smallest program that fails. It sets `findings`. */
  readonly failing: string;
  /** What turns it into the nearest program that passes: replacements, each of a piece that occurs once. */
  readonly change: readonly (readonly [from: string, to: string])[];
  /** Anything else a reader should know. */
  readonly note?: string;
}

/** `'a', 'b' and 3 more`. */
export function listed(names: readonly string[], quote = "'"): string {
  const shown = [...new Set(names)].map((name) => `${quote}${name}${quote}`);
  return shown.length <= 4 ? shown.join(", ") : `${shown.slice(0, 4).join(", ")} and ${shown.length - 4} more`;
}

/** `layer 'a' is`, `layers 'a', 'b' are`. */
export function layersSay(cases: readonly Case[], one: string, many: string): string {
  const names = [...new Set(cases.map(({ name }) => name))];
  return names.length === 1 ? `layer '${names[0]}' ${one}` : `layers ${listed(names)} ${many}`;
}

/** A figure for people: three digits. */
export function shown(figure: number): string {
  return String(Number(figure.toPrecision(3)));
}
