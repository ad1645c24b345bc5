/**
 * What a run computes, as a graph of its own without state: variables and whatever follows from them become constants, branches are
 * decided, and operations that only order or pass on are gone.
 */
import type { Attrs } from "../graph/attr.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import { Graph } from "../graph/graph.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import type { FetchedTensor } from "../graph/tensorValue.ts";
import { isVariable } from "../graph/variableOps.ts";
import { attach, definitionOf } from "../ops/attached.ts";
import { constant } from "../ops/build.ts";
import { identity } from "../ops/identity.ts";
import { parseFeeds, type Feed, type Feeds } from "../runtime/feeds.ts";
import type { Reach } from "../runtime/plan/reach.ts";
import { reachOf } from "../runtime/planCache.ts";
import type { Session } from "../runtime/session.ts";

/** Operations whose outputs are their inputs, shapes and all. */
const passing = new Set([
  "EnsureShape",
  "GuaranteeConst",
  "Identity",
  "IdentityN",
  "PreventGradient",
  "Print",
  "ReadVariableOp",
  "RefIdentity",
  "Snapshot",
  "StopGradient",
]);

/** What stands in the frozen graph for a tensor of another; null to copy the operation that computes it. */
export type Replacement = (tensor: Tensor, frozen: Freezer) => Tensor | null;

export class Freezer {
  readonly graph: Graph = new Graph();
  readonly #session: Session;
  readonly #feeds: ReadonlyMap<Tensor, Feed>;
  readonly #reach: Reach;
  readonly #constant = new Map<Tensor, boolean>();
  readonly #values = new Map<Tensor, FetchedTensor>();
  readonly #copies = new Map<Tensor, Tensor>();
  /** How many inputs of operations that are not constant, and fetches, a tensor is. */
  readonly uses: ReadonlyMap<Tensor, number>;
  readonly #fetches: readonly Tensor[];

  private constructor(session: Session, fetches: readonly Tensor[], feeds: readonly Feed[]) {
    this.#session = session;
    this.#fetches = fetches;
    this.#feeds = new Map(feeds.map((feed) => [feed.tensor, feed]));
    // What is frozen has values, or else reading them tells.
    this.#reach = reachOf(fetches, feeds, { isInitialized: () => true });
    this.uses = this.#countUses();
  }

  /** `feeds` are values that become part of the graph. */
  static async create(session: Session, fetches: readonly Tensor[], feeds: Feeds | undefined): Promise<Freezer> {
    const freezer = new Freezer(session, fetches, parseFeeds(session.graph, feeds));
    await freezer.#evaluate(feeds);
    return freezer;
  }

  /** Copies what the fetches need; a fetch that only passes a value on keeps its name. */
  freeze(replace: Replacement): Tensor[] {
    const copies = this.#fetches.map((fetch) => this.copy(this.resolve(fetch), replace));
    return this.graph.asDefault(() =>
      this.#fetches.map((fetch, i) => {
        const { name } = fetch.op;
        if (fetch.index > 0 || this.graph.findOperation(name)) return copies[i];
        return identity(copies[i], `${name}/`);
      }),
    );
  }

  /** Where a tensor's value comes from, through what only passes it on and through branches that are decided. */
  resolve(tensor: Tensor): Tensor {
    let at = tensor;
    for (;;) {
      if (this.#feeds.has(at)) return at;
      const { op } = at;
      const { kind } = definitionOf(op).plan;
      if (kind === "switch" || kind === "merge") {
        const alive = this.#reach.inputsOf(op);
        if (alive.length !== 1 || at.index > 1) throw undecided(op);
        [at] = alive;
      } else if (passing.has(op.type)) at = op.inputs[op.type === "IdentityN" ? at.index : 0];
      else return at;
    }
  }

  /** True for what no feed and no chance decides. Of a resolved tensor. */
  isConstant(tensor: Tensor): boolean {
    let known = this.#constant.get(tensor);
    if (known === undefined) {
      const { op } = tensor;
      // A cycle is no constant.
      this.#constant.set(tensor, false);
      known =
        this.#feeds.has(tensor) ||
        op.type === "Const" ||
        isVariable(op) ||
        (!op.type.startsWith("Placeholder") &&
          !definitionOf(op).stateful &&
          !definitionOf(op).updates &&
          op.inputs.every((input) => this.isConstant(this.resolve(input))));
      this.#constant.set(tensor, known);
    }
    return known;
  }

  /** The value of a constant that something takes which is none. */
  valueOf(tensor: Tensor): FetchedTensor {
    return this.#values.get(this.resolve(tensor))!;
  }

  /** A resolved tensor in the frozen graph. */
  copy(tensor: Tensor, replace: Replacement): Tensor {
    const known = this.#copies.get(tensor);
    if (known) return known;
    const copied = this.#values.has(tensor) ? this.#constantCopy(tensor) : replace(tensor, this);
    if (copied) {
      this.#copies.set(tensor, copied);
      return copied;
    }
    const inputs = tensor.op.inputs.map((input) => this.copy(this.resolve(input), replace));
    const op = this.add(tensor.op, inputs);
    op.outputs.forEach((output, i) => this.#copies.set(tensor.op.outputs[i], output));
    return op.outputs[tensor.index];
  }

  /** An operation like `op` over other inputs. */
  add(op: Operation, inputs: readonly Tensor[]): Operation {
    const definition = definitionOf(op);
    if (definition.updates) {
      throw new InvalidArgumentError(
        `A graph for inference changes no variables, and '${op.name}' (op: '${op.type}') does: fetch outputs of the net.`,
      );
    }
    // Where operations are placed is told by names of variables that are no longer there.
    const { _class: _, ...attrs } = op.attrs as Attrs & { _class?: unknown };
    const outputs = op.outputs.map(({ dtype, shape }) => ({ dtype: dtype.base, shape }));
    const spec = { type: op.type, name: op.name, device: op.device, inputs, controlInputs: [], attrs, outputs };
    const copy = this.graph.addOperation(spec);
    this.graph.reserveName(op.name);
    return attach(copy, definition);
  }

  /** A constant of the frozen graph, called as the operation was or, if that name is taken, much like it. */
  constant(name: string, { data, shape, dtype }: FetchedTensor): Tensor {
    const own = this.graph.findOperation(name) ? name : `${name}/`;
    const made = this.graph.asDefault(() => constant({ data, shape, dtype }, { name: own }));
    this.graph.reserveName(name);
    return made;
  }

  #constantCopy(tensor: Tensor): Tensor {
    const { op } = tensor;
    if (op.type === "Const" && !this.#feeds.has(tensor)) return this.add(op, []).outputs[0];
    const name = tensor.index === 0 ? op.name : `${op.name}_${tensor.index}`;
    return this.constant(name, this.#values.get(tensor)!);
  }

  /** Goes through everything that is not constant. */
  #countUses(): Map<Tensor, number> {
    const uses = new Map<Tensor, number>();
    const seen = new Set<Operation>();
    const stack: Tensor[] = [];
    const use = (tensor: Tensor): void => {
      const from = this.resolve(tensor);
      uses.set(from, (uses.get(from) ?? 0) + 1);
      if (!this.isConstant(from)) stack.push(from);
    };
    for (const fetch of this.#fetches) use(fetch);
    for (let next = stack.pop(); next; next = stack.pop()) {
      if (seen.has(next.op)) continue;
      seen.add(next.op);
      for (const input of next.op.inputs) use(input);
    }
    return uses;
  }

  /** Gets the value of every constant that something takes which is none. */
  async #evaluate(feeds: Feeds | undefined): Promise<void> {
    const variables = this.#session.variables();
    const computed: Tensor[] = [];
    for (const tensor of this.uses.keys()) {
      if (!this.isConstant(tensor)) continue;
      const variable = isVariable(tensor.op) ? variables.get(tensor.op.name) : undefined;
      if (variable) this.#values.set(tensor, variable);
      else computed.push(tensor);
    }
    // Of a variable without a value this tells.
    const values = await this.#session.run(computed.map(fetchable), feeds);
    computed.forEach((tensor, i) => this.#values.set(tensor, values[i]!));
  }
}

/** A resource itself cannot be fetched; its read can. */
function fetchable(tensor: Tensor): Tensor {
  if (tensor.op.type !== "VarHandleOp") return tensor;
  return tensor.consumers.find(({ type }) => type === "ReadVariableOp")?.outputs[0] ?? tensor;
}

function undecided(op: Operation): InvalidArgumentError {
  return new InvalidArgumentError(
    `A graph for inference has no branches, and only the run decides '${op.name}' (op: '${op.type}'): feed its predicate, as in feeds: { "training:0": false }.`,
  );
}
