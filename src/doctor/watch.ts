/** The doctor beside a session: examines each kind of run when it is planned, keeps count of what rules about a session's past
 * need, and asks those rules again before a run when that has changed. A training step costs it a look-up. */
import type { TypedArray } from "../graph/dtype.ts";
import type { Graph } from "../graph/graph.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import type { Feed } from "../runtime/feeds.ts";
import type { Reach } from "../runtime/plan/reach.ts";
import { examine } from "./doctor.ts";
import { Examination, type SessionView } from "./examination.ts";
import type { Finding, Rule } from "./finding.ts";
import { isAtLeast } from "./format.ts";
import { rules } from "./rules/index.ts";
import { structureOf, variableBehind } from "./structure.ts";

const sessionRules = rules.filter((rule) => rule.ofSession);

/** What the session tells. */
export interface WatchOptions {
  readonly graph: Graph;
  readonly silence: readonly string[];
  warn(finding: Finding): void;
  updatesOf(layer: string): number | null;
  valueOf(variable: Operation): TypedArray | null;
}

/** A kind of run, as the session asks for it. */
export interface PlannedRun {
  readonly fetches: readonly (Tensor | Operation)[];
  readonly feeds: readonly Feed[];
  readonly reach: Reach;
  readonly shapes?: ReadonlyMap<Tensor, readonly number[]>;
}

interface Watched {
  readonly trains: boolean;
  /** Trainable variables and statistics that it sets otherwise than by training. */
  readonly sets: readonly Operation[];
  /** For a run with inference: what session rules look at. */
  readonly examination: Examination | null;
  readonly said: Set<string>;
  /** Of the session's past, when its rules were last asked. */
  asked: number;
}

export class Watch implements SessionView {
  readonly #options: WatchOptions;
  readonly #runs = new WeakMap<object, Watched>();
  /** By moving mean: trainable variables set since the statistics last moved or were set. */
  readonly #set = new Map<Operation, Set<Operation>>();
  /** Grows when rules about the past may come to another result. */
  #past = 0;
  trainedRuns = 0;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  updatesOf(layer: string): number | null {
    return this.#options.updatesOf(layer);
  }

  valueOf(variable: Operation): TypedArray | null {
    return this.#options.valueOf(variable);
  }

  setSince(mean: Operation): ReadonlySet<Operation> {
    return this.#set.get(mean) ?? new Set();
  }

  /** Everything the rules find, whether or not it was said before. */
  findings(examination: Examination, asked: readonly Rule[] = rules): Finding[] {
    return examine(examination, asked, this.#options.silence);
  }

  examination(run: PlannedRun): Examination {
    return new Examination({ ...run, structure: structureOf(this.#options.graph), session: this });
  }

  /** A kind of run has been planned, and is from now on known by `plan`. */
  planned(plan: object, run: PlannedRun, silence: readonly string[] = []): void {
    const examination = this.examination(run);
    const { structure, running, inferring } = examination;
    const statistics = new Set(structure.inferences.flatMap(({ mean, variance }) => [mean, variance]));
    const optimizers = new Set(structure.optimizers.map(({ op }) => op));
    const sets = [...running].flatMap((op) => {
      const variable =
        /^Assign(VariableOp)?$/.test(op.type) && !optimizers.has(op) ? variableBehind(op.inputs[0]) : null;
      return variable && (structure.trainable.has(variable) || statistics.has(variable)) ? [variable] : [];
    });
    const watched: Watched = {
      trains: examination.trains,
      sets,
      examination: inferring.length > 0 ? examination : null,
      said: new Set(),
      asked: this.#past,
    };
    this.#runs.set(plan, watched);
    this.#say(examine(examination, rules, [...this.#options.silence, ...silence]), watched);
  }

  /** A planned run is about to be made. */
  begins(plan: object, silence: readonly string[] = []): void {
    const watched = this.#runs.get(plan);
    if (!watched?.examination || watched.asked === this.#past) return;
    watched.asked = this.#past;
    this.#say(examine(watched.examination, sessionRules, [...this.#options.silence, ...silence]), watched);
  }

  /** One step of it has been made. */
  ran(plan: object): void {
    const watched = this.#runs.get(plan);
    if (!watched) return;
    if (watched.trains) {
      this.trainedRuns++;
      // Once for each power of two: a result that is wrong after one step is wrong after a million.
      if ((this.trainedRuns & (this.trainedRuns - 1)) === 0) this.#past++;
    }
    if (watched.sets.length > 0) this.set(watched.sets);
  }

  /** Statistics have moved. */
  moved(mean: Operation): void {
    if (this.#set.size > 0) this.#set.delete(mean);
  }

  /** Variables have been set by somebody else than an optimizer. */
  set(variables: readonly Operation[]): void {
    const { inferences, trainable } = structureOf(this.#options.graph);
    const trained = variables.filter((variable) => trainable.has(variable));
    this.#past++;
    for (const { mean, variance } of inferences) {
      if (variables.includes(mean) || variables.includes(variance)) this.#set.delete(mean);
      else if (trained.length > 0) this.#set.set(mean, new Set([...this.setSince(mean), ...trained]));
    }
  }

  #say(findings: readonly Finding[], { said }: Watched): void {
    for (const finding of findings) {
      if (finding.silenced !== undefined || !isAtLeast(finding.severity, "warning") || said.has(finding.id)) continue;
      said.add(finding.id);
      this.#options.warn(finding);
    }
  }
}
