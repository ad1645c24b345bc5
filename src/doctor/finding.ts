/** What the doctor says: the same form in every host. */
import type { BatchNormLayer } from "../graph/batchNormLayers.ts";
import type { Operation } from "../graph/operation.ts";

export interface Finding {
  /** The rule: BN001. */
  readonly id: string;
  readonly severity: "error" | "warning" | "info";
  /** One or two sentences that name the layers and the operations. */
  readonly message: string;
  /** Names of the operations concerned. */
  readonly ops: readonly string[];
  /** What to write instead, as code. */
  readonly fix: string;
}

/** What a rule looks at: the layers of the graph, and the operations that a request really runs. */
export interface Examination {
  readonly layers: readonly BatchNormLayer[];
  readonly running: ReadonlySet<Operation>;
}

export type Rule = (examination: Examination) => Finding[];
