/** The graph under construction: operations, names, scopes, collections, control dependencies (TensorFlow's ops.py). */
import { attr, type Attrs } from "./attr.ts";
import { InvalidArgumentError, NotFoundError } from "./errors.ts";
import { Operation, Tensor, type OperationSpec } from "./operation.ts";

/** What a control flow context (a branch of `cond`) does with each operation made inside it. */
export interface ControlFlowContext {
  addOperation(op: Operation): void;
}

interface Controller {
  readonly inputs: readonly Operation[];
  /** Operations created inside: one that depends on these needs no control edge of its own. */
  readonly seen: Set<Operation>;
}

/** The state that scopes push and pop. Replaced as a whole, so that leaving a scope is an assignment. */
interface ScopeState {
  readonly nameScope: string;
  readonly controllers: readonly Controller[];
  readonly controlFlow: ControlFlowContext | null;
  readonly colocation: readonly Operation[];
  readonly attrs: Attrs;
  /** Prefix of variable names, and what `get_variable` does with a known name. */
  readonly variableScope: VariableScope;
}

export interface VariableScope {
  readonly name: string;
  readonly reuse: boolean | "auto";
  /** Variables are resources. */
  readonly useResource?: boolean;
}

/** A dataflow graph. Operations are only added, never removed. */
export class Graph {
  /** Seed of the graph (`setRandomSeed`); null if none was set. */
  seed: number | null = null;
  /** Producer and consumer versions, and whatever else import must give back to export. */
  readonly imported = new Map<string, unknown>();
  readonly #operations: Operation[] = [];
  readonly #byName = new Map<string, Operation>();
  readonly #namesInUse = new Map<string, number>();
  readonly #collections = new Map<string, unknown[]>();
  #seededOperations = 0;
  #scope: ScopeState = {
    nameScope: "",
    controllers: [],
    controlFlow: null,
    colocation: [],
    attrs: {},
    variableScope: { name: "", reuse: false },
  };

  get operations(): readonly Operation[] {
    return this.#operations;
  }

  /** Runs `body` with this graph as the default one. */
  asDefault<T>(body: (graph: Graph) => T): T {
    const result = withDefaultGraph(this, () => body(this));
    if (result instanceof Promise) {
      throw new InvalidArgumentError(
        "asDefault takes a function that builds at once: after an await the graph is no longer the default one.",
      );
    }
    return result;
  }

  // Looking up

  getOperationByName(name: string): Operation {
    const op = this.#byName.get(name);
    if (!op) throw new NotFoundError(`The name '${name}' refers to an Operation not in the graph.`);
    return op;
  }

  /** The tensor called `<operation>:<output>`. */
  getTensorByName(name: string): Tensor {
    const match = /^(.+):(\d+)$/.exec(name);
    if (!match) {
      throw new InvalidArgumentError(
        `The name '${name}' looks like an operation's. A tensor's name is '<operation>:<output>', as in '${name}:0'.`,
      );
    }
    const op = this.#byName.get(match[1]);
    if (!op) {
      throw new NotFoundError(
        `The name '${name}' refers to a Tensor which does not exist. The operation, '${match[1]}', does not exist in the graph.`,
      );
    }
    const tensor = op.outputs[Number(match[2])];
    if (!tensor) {
      throw new NotFoundError(
        `The name '${name}' refers to a Tensor which does not exist. The operation, '${match[1]}', has ${op.outputs.length} outputs.`,
      );
    }
    return tensor;
  }

  findOperation(name: string): Operation | undefined {
    return this.#byName.get(name);
  }

  // Names

  /** A name no one has yet, inside the current scope: `x`, then `x_1`, `x_2` (compared without case, as TensorFlow does). */
  uniqueName(name: string): string {
    let full = this.#scope.nameScope ? `${this.#scope.nameScope}/${name}` : name;
    let key = full.toLowerCase();
    let i = this.#namesInUse.get(key) ?? 0;
    this.#namesInUse.set(key, i + 1);
    if (i > 0) {
      const base = key;
      while (this.#namesInUse.has(key)) key = `${base}_${i++}`;
      this.#namesInUse.set(key, 1);
      full = `${full}_${i - 1}`;
    }
    return full;
  }

  /** Runs `body` in a name scope. A name ending in "/" enters that very scope again; "" is the top. `body` gets the
   * scope with its "/", which as an operation's name means exactly that name. */
  nameScope<T>(name: string, body: (scope: string) => T): T {
    // Inside a scope a name may begin with "_" too.
    const valid = this.#scope.nameScope === "" ? nodeName : /^[A-Za-z0-9_./-]*$/;
    if (name !== "" && !name.endsWith("/") && !valid.test(name)) {
      throw new InvalidArgumentError(`'${name}' is not a valid scope name: use letters, digits, '.', '_', '-', '/'.`);
    }
    const full = name === "" ? "" : name.endsWith("/") ? name.slice(0, -1) : this.uniqueName(name);
    return this.#within({ nameScope: full }, () => body(full === "" ? "" : `${full}/`));
  }

  get currentNameScope(): string {
    return this.#scope.nameScope;
  }

  // Scopes

  /** Operations created in `body` run after `inputs`. `null` leaves all control dependencies and `cond` branches. */
  controlDependencies<T>(inputs: readonly (Operation | Tensor)[] | null, body: () => T): T {
    if (inputs === null) return this.#within({ controllers: [], controlFlow: null }, body);
    const ops = [...new Set(inputs.map((input) => (input instanceof Tensor ? input.op : input)))];
    for (const op of ops) {
      if (!(op instanceof Operation) || op.graph !== this) {
        throw new InvalidArgumentError(`Control input ${String(op)} is not an element of this graph.`);
      }
    }
    return this.#within({ controllers: [...this.#scope.controllers, { inputs: ops, seen: new Set() }] }, body);
  }

  /** Operations created in `body` carry `_class` = where `op` is placed. */
  colocateWith<T>(op: Operation, body: () => T, options: { ignoreExisting?: boolean } = {}): T {
    return this.#within({ colocation: options.ignoreExisting ? [op] : [...this.#scope.colocation, op] }, body);
  }

  /** Operations created in `body` carry these attributes. */
  attrScope<T>(attrs: Attrs, body: () => T): T {
    return this.#within({ attrs: { ...this.#scope.attrs, ...attrs } }, body);
  }

  controlFlowScope<T>(context: ControlFlowContext | null, body: () => T): T {
    return this.#within({ controlFlow: context }, body);
  }

  get controlFlow(): ControlFlowContext | null {
    return this.#scope.controlFlow;
  }

  withVariableScope<T>(variableScope: VariableScope, body: () => T): T {
    return this.#within({ variableScope }, body);
  }

  get variableScope(): VariableScope {
    return this.#scope.variableScope;
  }

  #within<T>(change: Partial<ScopeState>, body: () => T): T {
    const before = this.#scope;
    this.#scope = { ...before, ...change };
    try {
      return body();
    } finally {
      this.#scope = before;
    }
  }

  // Building

  /** Adds an operation with the control inputs, colocation and attributes of the current scopes. */
  createOperation(spec: Omit<OperationSpec, "controlInputs">): Operation {
    if (!nodeName.test(spec.name)) {
      throw new InvalidArgumentError(
        `'${spec.name}' is not a valid node name: use letters, digits, '.', '_', '-', '/'.`,
      );
    }
    const inputOps = new Set(spec.inputs.map((input) => input.op));
    for (const input of inputOps) {
      if (input.graph !== this)
        throw new InvalidArgumentError(`Tensor of '${input.name}' must be from the same graph as '${spec.name}'.`);
    }
    const controlInputs = new Set<Operation>();
    for (const controller of this.#scope.controllers) {
      if ([...inputOps].some((op) => controller.seen.has(op))) continue;
      for (const op of controller.inputs) if (!inputOps.has(op)) controlInputs.add(op);
    }
    const attrs = { ...spec.attrs, ...this.#scope.attrs };
    // A reference must live where its variable does.
    const colocated = [
      ...this.#scope.colocation,
      ...spec.inputs.filter((input) => input.dtype.isRef).map((input) => input.op),
    ];
    if (colocated.length) {
      attrs._class = attr.strings([...new Set(colocated.flatMap((op) => op.colocationGroups))].sort());
    }
    const op = this.addOperation({ ...spec, attrs, controlInputs: [...controlInputs] });
    for (const controller of this.#scope.controllers) controller.seen.add(op);
    this.#scope.controlFlow?.addOperation(op);
    return op;
  }

  /** Adds an operation exactly as given: what import does. */
  addOperation(spec: OperationSpec): Operation {
    if (this.#byName.has(spec.name))
      throw new InvalidArgumentError(`The graph already has an operation called '${spec.name}'.`);
    const op = new Operation(this, this.#operations.length, spec);
    this.#operations.push(op);
    this.#byName.set(op.name, op);
    return op;
  }

  /** Keeps later operations from taking an imported name. */
  reserveName(name: string): void {
    for (let key = name.toLowerCase(); key; key = key.slice(0, Math.max(key.lastIndexOf("/"), 0))) {
      if (!this.#namesInUse.has(key)) this.#namesInUse.set(key, 1);
    }
  }

  /** The pair of seeds for the next random operation: TensorFlow 2's compat.v1 rule, where the second one counts the
   * seeded operations of the graph. (0, 0) means "draw one per session". */
  nextSeeds(opSeed: number | null): [number, number] {
    let seeds: [number, number];
    if (this.seed === null && opSeed === null) return [0, 0];
    if (this.seed === null) seeds = [defaultGraphSeed, truncateSeed(opSeed!)];
    else seeds = [truncateSeed(this.seed), truncateSeed(opSeed ?? this.#seededOperations++)];
    return seeds[0] === 0 && seeds[1] === 0 ? [0, largestSeed] : seeds;
  }

  // Collections

  addToCollection(name: string, value: unknown): void {
    const items = this.#collections.get(name);
    if (items) items.push(value);
    else this.#collections.set(name, [value]);
  }

  /** A copy of the collection, filtered to names that start with `scope` where one is given. */
  getCollection<T = unknown>(name: string, scope?: string): T[] {
    const items = (this.#collections.get(name) ?? []) as T[];
    if (scope === undefined) return [...items];
    return items.filter((item) => String((item as { name?: string }).name ?? "").startsWith(scope));
  }

  get collectionNames(): string[] {
    return [...this.#collections.keys()];
  }
}

/** TensorFlow's DEFAULT_GRAPH_SEED: what an operation's own seed is paired with where the graph has none. */
const defaultGraphSeed = 87654321;

const largestSeed = 2 ** 31 - 1;

/** Python's `seed % (2**31 - 1)`, never negative (tensorflow/python/framework/random_seed.py). */
function truncateSeed(seed: number): number {
  return ((seed % largestSeed) + largestSeed) % largestSeed;
}

/** What TensorFlow accepts as the name of a node. */
const nodeName = /^[A-Za-z0-9.][A-Za-z0-9_./-]*$/;

let defaultGraph: Graph = new Graph();

function withDefaultGraph<T>(graph: Graph, body: () => T): T {
  const before = defaultGraph;
  defaultGraph = graph;
  try {
    return body();
  } finally {
    defaultGraph = before;
  }
}

/** The graph that builders add to. */
export function getDefaultGraph(): Graph {
  return defaultGraph;
}

/** Starts over with an empty default graph. */
export function resetDefaultGraph(): void {
  defaultGraph = new Graph();
}
