/** What rules look at: a graph, what a run of it reaches, and where there is one, the session. */
import type { Application, BatchNormLayer } from "../graph/batchNormLayers.ts";
import { behind } from "../graph/batchNormLayers.ts";
import type { TypedArray } from "../graph/dtype.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import type { Shape } from "../graph/shape.ts";
import { elementAt, type FetchedTensor } from "../graph/tensorValue.ts";
import { inferShapes } from "../ops/build.ts";
import { definitionOf } from "../ops/attached.ts";
import type { Feed } from "../runtime/feeds.ts";
import type { Guard, Reach } from "../runtime/plan/reach.ts";
import type { Inference, Structure } from "./structure.ts";

/** What a session knows of its past. */
export interface SessionView {
  /** Updates of a layer's statistics; null where values came from elsewhere. */
  updatesOf(layer: string): number | null;
  /** A variable's value, not to be changed or kept; null before it has one. */
  valueOf(variable: Operation): TypedArray | null;
  /** Runs of optimizers. */
  readonly trainedRuns: number;
  /** Trainable variables set from outside of training since the statistics with this moving mean last moved or were set. */
  setSince(mean: Operation): ReadonlySet<Operation>;
}

export interface ExaminationRequest {
  readonly structure: Structure;
  readonly fetches: readonly (Tensor | Operation)[];
  readonly feeds: readonly Feed[];
  readonly reach: Reach;
  /** Shapes as far as they are known better than by inference. */
  readonly shapes?: ReadonlyMap<Tensor, readonly number[]>;
  readonly session?: SessionView;
  /** How many steps are planned. */
  readonly steps?: number;
  /** Values of tensors in one run, by a probe. */
  readonly values?: ReadonlyMap<Tensor, FetchedTensor>;
}

export interface TrainingUse {
  readonly layer: BatchNormLayer;
  readonly application: Application;
}

export class Examination {
  readonly structure: Structure;
  readonly fetches: readonly (Tensor | Operation)[];
  readonly feeds: readonly Feed[];
  readonly reach: Reach;
  readonly session: SessionView | null;
  readonly steps: number | null;
  readonly values: ReadonlyMap<Tensor, FetchedTensor> | null;
  readonly running: ReadonlySet<Operation>;
  /** True if the run changes weights by gradients, or adds gradients up for a step that does. */
  readonly trains: boolean;
  /** Layers that normalise with the batch's own statistics, for each input. */
  readonly training: readonly TrainingUse[];
  /** Batch norms that use moving statistics. */
  readonly inferring: readonly Inference[];
  readonly #request: ExaminationRequest;
  #shapes: ReadonlyMap<Tensor, Shape> | null;

  constructor(request: ExaminationRequest) {
    this.#request = request;
    const { structure, reach } = request;
    this.structure = structure;
    this.fetches = request.fetches;
    this.feeds = request.feeds;
    this.reach = reach;
    this.session = request.session ?? null;
    this.steps = request.steps ?? null;
    this.values = request.values ?? null;
    this.#shapes = request.shapes ?? null;
    this.running = new Set(reach.operations.filter((op) => this.#mayHold(reach.guardsOf(op))));
    this.trains =
      structure.optimizers.some(({ op }) => this.running.has(op)) ||
      structure.accumulations.some((op) => this.running.has(op));
    this.training = structure.layers.flatMap((layer) =>
      layer.applications
        .filter((application) => this.#trainsOn(application))
        .map((application) => ({ layer, application })),
    );
    this.inferring = structure.inferences.filter(
      ({ op, variance }) => this.running.has(op) && (op.type !== "Rsqrt" || this.mayBe(op.inputs[0], variance)),
    );
  }

  /** The same run, with what a checkup measured. */
  withValues(values: ReadonlyMap<Tensor, FetchedTensor>): Examination {
    return new Examination({ ...this.#request, values });
  }

  /** Gradients compute a composed layer's batch statistics even where it normalises with the moving ones. */
  #trainsOn(application: Application): boolean {
    const roots = this.structure.roots(application);
    if (!this.running.has(application.source)) return false;
    const { op } = application.variance.batch;
    return roots.length === 0 || roots.some((root) => this.running.has(root) && this.mayBe(root.inputs[0], op));
  }

  /** True if the run moves the statistics of a layer over this input. */
  moves({ mean, variance }: Application): boolean {
    return this.running.has(mean.update) || this.running.has(variance.update);
  }

  /** True if the run takes `tensor`, through sums and the branches that are taken, from `op`. */
  mayBe(tensor: Tensor, op: Operation): boolean {
    const seen = new Set([tensor]);
    for (const next of seen) {
      const at = behind(next);
      if (at.op === op) return true;
      if (!this.running.has(at.op)) continue;
      if (/^(Ref)?Merge$/.test(at.op.type)) {
        for (const input of this.reach.inputsOf(at.op)) {
          if (this.#mayHold(this.reach.conditionOf(input) ?? [])) seen.add(input);
        }
      } else if (/^Add(V2)?$/.test(at.op.type)) for (const input of at.op.inputs) seen.add(input);
    }
    return false;
  }

  /** True for an operation that runs whatever the run computes on the way. */
  isCertain(op: Operation): boolean {
    return this.reach.guardsOf(op).every((guard) => this.#decided(guard) !== undefined);
  }

  #mayHold(guards: readonly Guard[]): boolean {
    return guards.every((guard) => (this.#decided(guard) ?? guard.value) === guard.value);
  }

  /** Inside a branch a predicate is a Switch's output, which the planner leaves to the run; its value is known all the same. */
  #decided({ predicate }: Guard): boolean | undefined {
    let at = predicate;
    while (/^(Identity|Switch)$/.test(at.op.type) && !this.#isFed(at)) [at] = at.op.inputs;
    const value = this.reach.constants.valueOf(at);
    return value && elementAt(value, 0) !== 0;
  }

  #isFed(tensor: Tensor): boolean {
    return this.feeds.some((feed) => feed.tensor === tensor);
  }

  /** Shape of a tensor in this run, as far as the feeds tell. */
  shapeOf(tensor: Tensor): Shape {
    this.#shapes ??= this.#inferred();
    return this.#shapes.get(tensor) ?? tensor.shape;
  }

  /** Samples a channel that a batch norm's statistics are taken over; null where the run's feeds do not tell. */
  samples({ source }: Application): number | null {
    const shape = this.shapeOf(source.inputs[0]);
    if (!shape || shape.includes(null)) return null;
    const all = (shape as number[]).reduce((product, size) => product * size, 1);
    const kept = this.shapeOf(source.type === "Mean" ? source.outputs[0] : source.outputs[1]);
    if (!kept || kept.includes(null)) return null;
    return all / (kept as number[]).reduce((product, size) => product * size, 1);
  }

  #inferred(): Map<Tensor, Shape> {
    const shapes = new Map<Tensor, Shape>(this.feeds.map(({ tensor, shape }) => [tensor, shape]));
    for (const op of inputsFirst(this.reach.operations)) {
      const inputs = op.inputs.map((input) => shapes.get(input) ?? input.shape);
      const node = {
        op,
        inputCount: inputs.length,
        inputShape: (i: number) => inputs[i],
        inputDtype: (i: number) => op.inputs[i].dtype,
        constant: (i: number) => this.reach.constants.valueOf(op.inputs[i]),
      };
      let inferred: readonly Shape[] = [];
      const taken = /^(Ref)?Merge$/.test(op.type) ? this.reach.inputsOf(op) : [];
      try {
        // The branch that is not taken may have other sizes, or none that are known.
        if (taken.length === 1) inferred = [shapes.get(taken[0]) ?? taken[0].shape];
        else inferred = inferShapes(definitionOf(op), node, op.name, inputs);
      } catch {
        // The run itself says what does not fit; here it is only unknown.
      }
      op.outputs.forEach((output, i) => {
        if (!shapes.has(output) && inferred[i]) shapes.set(output, inferred[i]);
      });
    }
    return shapes;
  }
}

/** Inside a cond an operation is older than the Switch that it takes. */
function inputsFirst(operations: readonly Operation[]): Set<Operation> {
  const wanted = new Set(operations);
  const ordered = new Set<Operation>();
  for (const start of operations) {
    const stack = [start];
    for (let op = stack.at(-1); op; op = stack.at(-1)) {
      wanted.delete(op);
      const before = op.inputs.find((input) => wanted.has(input.op));
      if (before) stack.push(before.op);
      else ordered.add(stack.pop()!);
    }
  }
  return ordered;
}
