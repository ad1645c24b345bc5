/** From a request to a plan: reach, shapes, order, kernel calls, places. */
import { FailedPreconditionError, InvalidArgumentError, ResourceExhaustedError } from "../../graph/errors.ts";
import { Tensor, type Operation } from "../../graph/operation.ts";
import { sizeOf } from "../../graph/shape.ts";
import { isVariable } from "../../graph/variableOps.ts";
import type { TensorValue } from "../../graph/tensorValue.ts";
import type { KernelContext, KernelName, OpDefinition } from "../../ops/definition.ts";
import { missingFeed } from "../feeds.ts";
import { PlanBuffers } from "./buffers.ts";
import { checkBudget, setLifetimes } from "./lifetimes.ts";
import type { CompileRequest } from "./request.ts";
import type { Watched } from "./finiteChecks.ts";
import { neededNodes, readsOf } from "./needed.ts";
import { order, outputOf, type PlanNode } from "./order.ts";
import { place } from "./place.ts";
import { Plan, type Buffer, type FetchSource, type Step, type StepGuard, type UpdateCounter } from "./plan.ts";
import { isUndecidedSwitch, type Guard } from "./reach.ts";
import { changedBeforeRefusal, type Shadow } from "./shadows.ts";
import { inferPlanShapes } from "./shapes.ts";
import { variableUse } from "./variableUse.ts";

export function compile(request: CompileRequest): Plan {
  return new Compiler(request).compile();
}

class Compiler {
  readonly #request: CompileRequest;
  readonly #buffers: PlanBuffers;
  readonly #steps: Step[] = [];
  /** How many nodes still to come read the value of a root tensor. */
  readonly #readers = new Map<Tensor, number>();
  /** Values that outlive the steps. */
  readonly #kept = new Set<Tensor>();
  readonly #generators: Operation[] = [];
  /** Copies of predicates that are variables. */
  readonly #predicates = new Map<Tensor, Buffer>();
  #needed = new Set<Tensor>();
  /** Nodes that become steps. */
  #nodes: ReadonlySet<PlanNode> = new Set();
  #live = new Set<Operation>();

  constructor(request: CompileRequest) {
    this.#request = request;
    this.#buffers = new PlanBuffers(request);
  }

  compile(): Plan {
    try {
      return this.#compile();
    } catch (error) {
      for (const block of this.#buffers.blocks) this.#request.heap.release(block);
      throw error;
    }
  }

  #compile(): Plan {
    const { reach, definitionOf, fetches, fedShapes, watched } = this.#request;
    this.#live = new Set(reach.operations);
    for (const op of reach.operations) {
      if (op.type === "Placeholder" && !fedShapes.has(op.outputs[0])) throw missingFeed(op);
    }
    const nodes = order({
      reach,
      definitionOf,
      isFed: this.#isFed,
      isFetched: (tensor) => fetches.includes(tensor) || watched?.includes(tensor) === true,
      isVariable,
    });
    this.#buffers.shapes = inferPlanShapes(nodes, this.#request);
    for (const tensor of fetches) if (tensor instanceof Tensor) this.#kept.add(reach.rootOf(tensor));
    const counted = this.#request.counted.filter(
      ({ update, decay }) => this.#live.has(update) && (this.#isFed(decay) || this.#live.has(decay.op)),
    );
    for (const { decay } of counted) this.#kept.add(reach.rootOf(decay));
    this.#nodes = neededNodes(nodes, this.#request, this.#kept);
    this.#buffers.computed = new Set([...this.#nodes].flatMap((node) => node.operations));
    this.#countReaders(nodes);

    const feeds = [...fedShapes.keys()].map((tensor) => ({ tensor, buffer: this.#buffers.of(tensor) }));
    for (const tensor of watched?.fed([...fedShapes.keys()]) ?? []) this.#checkFinite(watched!, tensor, true);
    for (const node of nodes) this.#emit(node);
    const sources = fetches.map((fetch) => this.#source(fetch));
    const counters: UpdateCounter[] = counted.map(({ update, decay }) => ({
      update,
      decay: this.#buffers.of(reach.rootOf(decay)),
      guards: this.#guards(update),
    }));
    const { reads, writes } = variableUse(nodes, {
      ...this.#request,
      isFed: this.#isFed,
      isStep: (node) => this.#isStep(node),
      guards: (op) => this.#guards(op),
      guardsOf: (tensor) => this.#guardsOf(tensor),
    });
    const shadows = this.#shadow(sources.some((source) => source.guards.length > 0));
    setLifetimes(
      this.#steps,
      this.#buffers.all,
      feeds.map((feed) => feed.buffer),
      [
        ...shadows.map((shadow) => shadow.copy),
        ...sources.flatMap((source) => [source.buffer, ...source.guards.map((guard) => guard.predicate)]),
        ...writes.flatMap((write) => write.guards.map((guard) => guard.predicate)),
        ...counters.flatMap((counter) => [counter.decay, ...counter.guards.map((guard) => guard.predicate)]),
      ],
    );
    const arena = this.#buffers.all.filter((buffer) => buffer.storage === "arena");
    const arenaBytes = place(arena, this.#request.options.reuse);
    checkBudget(arenaBytes, this.#buffers.all, this.#request);
    return new Plan({
      steps: this.#steps,
      feeds,
      fetches: sources,
      buffers: this.#buffers.all,
      arenaBytes,
      reads,
      writes,
      generators: this.#generators,
      shadows,
      counters,
      operations: reach.operations,
      shapes: this.#buffers.shapes,
      blocks: this.#buffers.blocks,
    });
  }

  readonly #isFed = (tensor: Tensor): boolean => this.#request.fedShapes.has(tensor);

  #constant(tensor: Tensor): TensorValue | undefined {
    return this.#request.reach.constants.valueOf(tensor);
  }

  /** Copies, at the start of the run, of what it may have to take back. */
  #shadow(always: boolean): Shadow[] {
    const { definitionOf } = this.#request;
    const updatedBy = (op: Operation): Buffer[] =>
      (definitionOf(op).updates ?? []).map(({ ref }) => this.#buffers.of(op.inputs[ref]));
    const changed = [...changedBeforeRefusal(this.#steps, updatedBy, always)];
    const shadows = changed.map(([of]) => {
      const about = { shape: of.shape, ...(of.dtype && { dtype: of.dtype }) };
      return { of, copy: this.#buffers.make("arena", `${of.label} before the run`, of.bytes, about) };
    });
    const steps = shadows.map(({ of, copy }, i) => {
      const args = [copy, of, of.bytes];
      return { kernel: "copyBytes" as const, operations: [changed[i][1]], args, guards: [], frees: [] };
    });
    this.#steps.unshift(...steps);
    return shadows;
  }

  /** Checks what is watched of this operation's results. */
  #watch(op: Operation): void {
    const { watched, reach, definitionOf } = this.#request;
    const isNeeded = (tensor: Tensor): boolean => this.#needed.has(tensor);
    for (const tensor of watched?.behind(op, { reach, definitionOf, isNeeded }) ?? [])
      this.#checkFinite(watched!, tensor, false);
  }

  #checkFinite(watched: Watched, tensor: Tensor, fed: boolean): void {
    const error = (code: number): Error => watched.error(tensor, code, fed);
    const buffer = this.#buffers.of(tensor);
    this.#requireKernel("checkFinite", tensor.op);
    this.#callEarly({
      kernel: "checkFinite",
      operations: [tensor.op],
      args: [buffer, buffer.bytes / 4],
      guards: fed ? [] : this.#guards(tensor.op),
      check: { error, reads: [] },
      frees: [],
    });
  }

  // Steps

  #isStep(node: PlanNode): boolean {
    return this.#nodes.has(node);
  }

  #countReaders(nodes: readonly PlanNode[]): void {
    for (const node of nodes) {
      if (!this.#isStep(node)) continue;
      for (const root of readsOf(node, this.#request.reach))
        this.#readers.set(root, (this.#readers.get(root) ?? 0) + 1);
    }
    this.#needed = new Set([...this.#readers.keys(), ...this.#kept]);
  }

  /** Guards under which a tensor has a value. */
  #guardsOf(tensor: Tensor): StepGuard[] {
    return this.#stepGuards(this.#request.reach.conditionOf(tensor) ?? []);
  }

  #guards(op: Operation): StepGuard[] {
    return this.#stepGuards(this.#request.reach.guardsOf(op));
  }

  #stepGuards(guards: readonly Guard[]): StepGuard[] {
    return guards.map(({ predicate, value }) => ({
      predicate: this.#predicates.get(predicate) ?? this.#buffers.of(predicate),
      value,
    }));
  }

  /** A Switch that the run decides: if its predicate is a variable, all that it guards see the value of this moment,
   * whatever updates the variable later in the run. */
  #emitSwitch(node: PlanNode): void {
    const predicate = this.#request.reach.rootOf(node.last.inputs[1]);
    if (!isVariable(predicate.op) || this.#isFed(predicate) || this.#predicates.has(predicate)) return;
    const [snapshot] = this.#takeSnapshots(node).values();
    const copy =
      snapshot ?? this.#buffers.make("arena", `${predicate.name} at ${node.last.name}`, 1, { dtype: predicate.dtype });
    if (!snapshot)
      this.#call("copyBytes", [node.last], [copy, this.#buffers.of(predicate), 1], this.#guards(node.last));
    this.#predicates.set(predicate, copy);
  }

  #call(
    kernel: KernelName,
    operations: readonly Operation[],
    args: readonly (Buffer | number)[],
    guards: readonly StepGuard[],
  ): void {
    this.#requireKernel(kernel, operations[0]);
    this.#steps.push({ kernel, operations, args, guards, frees: [] });
  }

  /** The session may have been given kernels for inference only. */
  #requireKernel(kernel: KernelName, op: Operation): void {
    if (this.#request.kernels[kernel]) return;
    throw new FailedPreconditionError(
      `'${op.name}' (op: '${op.type}') needs the kernel '${kernel}', which the session's kernels do not have. Create the session with trainlet/kernels.wasm, the default.`,
    );
  }

  /** A check stands right behind the last step that touches what it looks at, and behind earlier checks: where it can,
   * before variables change, so that a run which it refuses needs no copies of them. */
  #callEarly(step: Step & Required<Pick<Step, "check">>): void {
    const seen = new Set([...step.args, ...step.check.reads, ...step.guards.map((guard) => guard.predicate)]);
    const touches = (arg: Buffer | number): boolean => typeof arg === "object" && seen.has(arg);
    const last = this.#steps.findLastIndex(({ args, check }) => check || args.some(touches));
    this.#steps.splice(last + 1, 0, step);
  }

  #emit(node: PlanNode): void {
    const definition = this.#request.definitionOf(node.operations[0]);
    if (!this.#isStep(node)) {
      if (definition.plan.kind === "merge") this.#emitChosenIndex(node.last);
      if (isUndecidedSwitch(node.last, this.#request)) this.#emitSwitch(node);
      return;
    }
    const snapshots = this.#takeSnapshots(node);
    if (definition.plan.kind === "merge") this.#emitMerge(node.last, snapshots);
    else if (definition.plan.kind === "kernel") definition.plan.emit(this.#context(node, definition, snapshots));
    for (const op of node.operations) this.#watch(op);
    for (const root of readsOf(node, this.#request.reach)) this.#readers.set(root, this.#readers.get(root)! - 1);
  }

  /** Copies of variables that this node must see as they were, each taken just before the first of the updates that
   * the node should have preceded. */
  #takeSnapshots(node: PlanNode): Map<Tensor, Buffer> {
    const snapshots = new Map<Tensor, Buffer>();
    for (const [variable, updates] of node.snapshots) {
      const [ref] = variable.outputs;
      const writing = new Set([...updates].map((update) => update.last));
      const buffer = this.#buffers.of(ref);
      const copy = this.#buffers.make("arena", `snapshot of ${variable.name}`, buffer.bytes, {
        shape: buffer.shape,
        dtype: ref.dtype,
      });
      const firstWrite = this.#steps.findIndex((step) => step.operations.some((op) => writing.has(op)));
      const step: Step = {
        kernel: "copyBytes",
        operations: [variable],
        args: [copy, buffer, buffer.bytes],
        guards: [],
        frees: [],
      };
      this.#steps.splice(firstWrite < 0 ? this.#steps.length : firstWrite, 0, step);
      snapshots.set(ref, copy);
    }
    return snapshots;
  }

  /** Output 1 of a Merge that the plan decides: which input it is. */
  #emitChosenIndex(op: Operation): void {
    if (!this.#needed.has(op.outputs[1])) return;
    const [chosen] = this.#request.reach.inputsOf(op);
    this.#call("fillInt32", [op], [this.#buffers.of(op.outputs[1]), op.inputs.indexOf(chosen), 1], this.#guards(op));
  }

  #emitMerge(op: Operation, snapshots: ReadonlyMap<Tensor, Buffer>): void {
    const { reach } = this.#request;
    const output = this.#buffers.of(op.outputs[0]);
    const index = this.#needed.has(op.outputs[1]) ? this.#buffers.of(op.outputs[1]) : null;
    op.inputs.forEach((input, i) => {
      if (reach.conditionOf(input) === null) return;
      const guards = this.#guardsOf(input);
      const from = snapshots.get(reach.rootOf(input)) ?? this.#buffers.of(input);
      this.#call("copyBytes", [op], [output, from, output.bytes], guards);
      if (index) this.#call("fillInt32", [op], [index, i, 1], guards);
    });
  }

  #context(node: PlanNode, definition: OpDefinition, snapshots: ReadonlyMap<Tensor, Buffer>): KernelContext {
    const [op] = node.operations;
    const guards = this.#guards(op);
    const { reach, kernels } = this.#request;
    const bufferOf = (tensor: Tensor): Buffer => snapshots.get(reach.rootOf(tensor)) ?? this.#buffers.of(tensor);
    return {
      op,
      absorbed: node.operations.slice(1),
      inputShape: (i) => this.#buffers.shapeOf(op.inputs[i]),
      inputDtype: (i) => op.inputs[i].dtype.base,
      outputShape: (i) => this.#buffers.shapeOf(outputOf(node, i)),
      isNeeded: (i) => this.#needed.has(outputOf(node, i)),
      constant: (i) => {
        const value = this.#constant(op.inputs[i]);
        if (!value)
          throw new InvalidArgumentError(
            `Input ${i} of '${op.name}' (op: '${op.type}') must be a constant, '${op.inputs[i].name}' is computed in the run.`,
          );
        return value;
      },
      input: (i) => (isUpdated(definition, i) ? this.#buffers.of(op.inputs[i]) : bufferOf(op.inputs[i])),
      tensor: (of, i) => bufferOf(of.inputs[i]),
      tensorShape: (of, i) => this.#buffers.shapeOf(of.inputs[i]),
      output: (i) => this.#output(node, i),
      scratch: (bytes) => this.#buffers.make("arena", `scratch of ${op.name}`, bytes),
      generator: () => {
        this.#generators.push(op);
        return this.#buffers.make("generator", `generator of ${op.name}`, 24, {
          offset: this.#request.generatorAddress(op),
        });
      },
      attributes: (words) => this.#buffers.attributes(words),
      convolution: this.#request.convolution,
      has: (kernel) => kernels[kernel] !== undefined,
      query: (kernel, ...args) => {
        this.#requireKernel(kernel, op);
        const bytes = (kernels[kernel] as (...sizes: number[]) => number)(...args);
        if (bytes < 0)
          throw new ResourceExhaustedError(`'${op.name}' (op: '${op.type}') needs more scratch memory than 2 GiB.`);
        return bytes;
      },
      check: (kernel, error, reads, ...args) =>
        this.#callEarly({
          kernel,
          operations: node.operations,
          args: args as (Buffer | number)[],
          guards,
          check: { error, reads: reads as Buffer[] },
          frees: [],
        }),
      call: (kernel, ...args) => this.#call(kernel, node.operations, args as (Buffer | number)[], guards),
    };
  }

  /** The buffer of an output; the input's own where the kernel may write over it and nobody else needs it. */
  #output(node: PlanNode, index: number): Buffer {
    const { reach, definitionOf, options } = this.#request;
    const output = outputOf(node, index);
    const known = this.#buffers.known(output);
    if (known) return known;
    const { plan } = definitionOf(node.operations[0]);
    const candidates = plan.kind === "kernel" && index === 0 && options.inPlace ? (plan.inPlace ?? []) : [];
    // A kernel of several calls may read an operand that is named twice after it has begun to write.
    const roots = node.operations.flatMap((op) => op.inputs).map((input) => reach.rootOf(input));
    for (const i of candidates) {
      const root = reach.rootOf(node.operations[0].inputs[i]);
      if (roots.filter((other) => other === root).length > 1) continue;
      const buffer = this.#buffers.known(root);
      const free =
        buffer?.storage === "arena" &&
        !this.#kept.has(root) &&
        this.#readers.get(root) === 1 &&
        !node.snapshots.has(root.op);
      if (free && buffer.bytes === sizeOf(this.#buffers.shapeOf(output)) * output.dtype.size) {
        this.#buffers.share(output, buffer);
        return buffer;
      }
    }
    return this.#buffers.of(output);
  }

  #source(fetch: Tensor | Operation): FetchSource {
    if (!(fetch instanceof Tensor)) return { fetch, buffer: null, shape: [], guards: [] };
    return {
      fetch,
      buffer: this.#buffers.of(fetch),
      shape: this.#buffers.shapeOf(fetch),
      guards: this.#guardsOf(fetch),
    };
  }
}

function isUpdated({ updates = [] }: OpDefinition, input: number): boolean {
  return updates.some((update) => update.ref === input);
}
