/**
 * What a run needs: operations reached from the fetches, without the branches that its predicates switch off
 * (TensorFlow's pruning, and the deadness of Switch and Merge).
 */
import { InvalidArgumentError, UnimplementedError } from "../../graph/errors.ts";
import { Tensor, type Operation } from "../../graph/operation.ts";
import { elementAt } from "../../graph/tensorValue.ts";
import { viewed, type OpDefinition } from "../../ops/definition.ts";
import { checkResources } from "../../ops/inputTypes.ts";
import type { PlanConstants } from "./constants.ts";

/** A predicate that only the run decides, and the value under which an operation runs. */
export interface Guard {
  readonly predicate: Tensor;
  readonly value: boolean;
}

/** Guards that must all hold; null: never runs. */
type Condition = readonly Guard[] | null;

export interface Request {
  readonly fetches: readonly (Tensor | Operation)[];
  readonly isFed: (tensor: Tensor) => boolean;
  readonly constants: PlanConstants;
  readonly definitionOf: (op: Operation) => OpDefinition;
}

export interface Reach {
  /** Operations that run (each perhaps under guards), in order of creation. */
  readonly operations: readonly Operation[];
  guardsOf(op: Operation): readonly Guard[];
  /** The guards under which a tensor has a value; null: in no run of this plan. */
  conditionOf(tensor: Tensor): Condition;
  /** Where a tensor's value really is: behind Identity, Switch, decided Merges, references passed on. */
  rootOf(tensor: Tensor): Tensor;
  /** Data inputs that matter: a decided Switch does not need its predicate. */
  inputsOf(op: Operation): readonly Tensor[];
  readonly constants: PlanConstants;
}

export function reach(request: Request): Reach {
  const { isFed, definitionOf, constants } = request;
  const predicateOf = (tensor: Tensor): boolean | undefined => {
    const value = constants.valueOf(tensor);
    return value && elementAt(value, 0) !== 0;
  };
  const fetchedOps = request.fetches.map((fetch) =>
    fetch instanceof Tensor ? (isFed(fetch) ? null : fetch.op) : fetch,
  );

  // First everything that could be needed, in an order where inputs come first; then what is alive, forward.
  const candidates = closure(
    fetchedOps.filter((op) => op !== null),
    (op) => [...op.inputs.filter((input) => !isFed(input)).map((input) => input.op), ...op.controlInputs],
  );
  const conditions = new Map<Tensor, Condition>();
  const opConditions = new Map<Operation, Condition>();
  const chosen = new Map<Operation, number>();
  const conditionOf = (tensor: Tensor): Condition => (isFed(tensor) ? [] : conditions.get(tensor)!);
  for (const op of topological(candidates, request)) {
    const { plan } = definitionOf(op);
    const ordering = op.controlInputs.map((input) => opConditions.get(input)!);
    let condition: Condition;
    if (plan.kind === "merge") {
      const inputs = op.inputs.map(conditionOf);
      const alive = inputs.flatMap((input, i) => (input === null ? [] : [i]));
      if (alive.length === 1) chosen.set(op, alive[0]);
      condition = conjunction([alive.length === 0 ? null : either(alive.map((i) => inputs[i]!)), ...ordering]);
    } else {
      condition = conjunction([...op.inputs.map(conditionOf), ...ordering]);
    }
    opConditions.set(op, condition);
    if (plan.kind === "switch") {
      const decided = condition === null ? undefined : predicateOf(op.inputs[1]);
      const predicate = root(op.inputs[1]);
      op.outputs.forEach((output, i) => {
        const value = i === 1;
        if (decided !== undefined) conditions.set(output, decided === value ? condition : null);
        else conditions.set(output, conjunction([condition, [{ predicate, value }]]));
      });
    } else {
      for (const output of op.outputs) conditions.set(output, condition);
    }
  }

  function root(tensor: Tensor): Tensor {
    let at = tensor;
    for (;;) {
      if (isFed(at)) return at;
      const definition = definitionOf(at.op);
      const { plan } = definition;
      if (definition.updates && at.index === 0) at = at.op.inputs[definition.updates[0].ref];
      else if (plan.kind === "view") at = at.op.inputs[viewed(plan, at.index)];
      else if (plan.kind === "switch") at = at.op.inputs[0];
      else if (plan.kind === "merge" && at.index === 0 && chosen.has(at.op)) at = at.op.inputs[chosen.get(at.op)!];
      else return at;
    }
  }

  const inputsOf = (op: Operation): readonly Tensor[] => {
    const { plan } = definitionOf(op);
    if (plan.kind === "switch") return predicateOf(op.inputs[1]) === undefined ? op.inputs : [op.inputs[0]];
    if (plan.kind === "merge") {
      return chosen.has(op) ? [op.inputs[chosen.get(op)!]] : op.inputs.filter((input) => conditionOf(input) !== null);
    }
    return op.inputs;
  };

  /** Whether a variable has a value is known before the run: not behind an operation that gives it one. */
  function refuseAfterUpdate(op: Operation, variable: Operation): void {
    const before = closure([op], (each) => [
      ...inputsOf(each)
        .filter((input) => !isFed(input))
        .map((input) => input.op),
      ...each.controlInputs,
    ]);
    for (const other of before) {
      const updates = definitionOf(other).updates ?? [];
      if (updates.some(({ ref }) => root(other.inputs[ref]).op === variable))
        throw refusal(
          op,
          `it is told whether '${variable.name}' has a value at the beginning of the run, but stands behind '${other.name}', which gives it one; ask in a run of its own`,
        );
    }
  }

  request.fetches.forEach((fetch, i) => {
    if (fetchedOps[i] === null) return;
    const condition = fetch instanceof Tensor ? conditionOf(fetch) : opConditions.get(fetch);
    if (condition === null) throw notTaken(fetch);
  });

  const needed = closure(
    fetchedOps.filter((op) => op !== null),
    (op) => [
      ...inputsOf(op)
        .filter((input) => !isFed(input))
        .map((input) => input.op),
      ...op.controlInputs,
      ...(opConditions.get(op) ?? []).filter((guard) => !isFed(guard.predicate)).map((guard) => guard.predicate.op),
    ],
  );
  const operations = [...needed].sort((a, b) => a.id - b.id);
  for (const op of operations) {
    const { plan } = definitionOf(op);
    if (plan.kind === "refused") throw refusal(op, plan.why);
  }
  for (const op of operations) {
    checkResources(op, definitionOf(op), root);
    if (definitionOf(op).plan.kind === "initialized") refuseAfterUpdate(op, root(op.inputs[0]).op);
  }
  return {
    operations,
    guardsOf: (op) => opConditions.get(op) ?? [],
    conditionOf,
    rootOf: root,
    inputsOf,
    constants,
  };
}

/** True for a Switch whose predicate only the run knows: it needs the predicate as an input. */
export function isUndecidedSwitch(
  op: Operation,
  { reach, definitionOf }: { reach: Reach; definitionOf: Request["definitionOf"] },
): boolean {
  return definitionOf(op).plan.kind === "switch" && reach.inputsOf(op).length > 1;
}

/** The sentence for an operation that cannot be run here. */
export function refusal(op: Operation, why: string): UnimplementedError {
  return new UnimplementedError(`Operation '${op.name}' (op: '${op.type}') cannot run: ${why}.`);
}

export function notTaken(fetch: Tensor | Operation): InvalidArgumentError {
  return new InvalidArgumentError(
    `'${fetch.name}' has no value in this run: it belongs to a branch of cond that was not taken. Fetch the result of cond, or feed its predicate otherwise.`,
  );
}

/** All must hold. Opposite guards of one predicate can never. */
function conjunction(conditions: readonly Condition[]): Condition {
  const guards: Guard[] = [];
  for (const condition of conditions) {
    if (condition === null) return null;
    for (const guard of condition) {
      const known = guards.find((item) => item.predicate === guard.predicate);
      if (!known) guards.push(guard);
      else if (known.value !== guard.value) return null;
    }
  }
  return guards;
}

/** What holds whichever alternative does: for two branches of one predicate, whatever surrounds them. */
function either(alternatives: readonly (readonly Guard[])[]): readonly Guard[] {
  return alternatives[0].filter((guard) =>
    alternatives.every((other) =>
      other.some((item) => item.predicate === guard.predicate && item.value === guard.value),
    ),
  );
}

function closure(start: readonly Operation[], next: (op: Operation) => readonly Operation[]): Set<Operation> {
  const seen = new Set(start);
  const stack = [...seen];
  for (let op = stack.pop(); op; op = stack.pop()) {
    for (const before of next(op)) {
      if (seen.has(before)) continue;
      seen.add(before);
      stack.push(before);
    }
  }
  return seen;
}

/** The operations with inputs before consumers. An imported graph may hold a cycle: that is an error with its names. */
function topological(ops: ReadonlySet<Operation>, { isFed, definitionOf }: Request): Operation[] {
  const result: Operation[] = [];
  const state = new Map<Operation, "open" | "done">();
  for (const start of ops) {
    if (state.has(start)) continue;
    const stack: { op: Operation; before: Operation[] }[] = [];
    const enter = (op: Operation): void => {
      state.set(op, "open");
      const before = [...op.inputs.filter((input) => !isFed(input)).map((input) => input.op), ...op.controlInputs];
      stack.push({ op, before });
    };
    enter(start);
    while (stack.length) {
      const top = stack[stack.length - 1];
      const next = top.before.pop();
      if (!next) {
        state.set(top.op, "done");
        result.push(top.op);
        stack.pop();
      } else if (state.get(next) === "open") {
        const cycle = stack.slice(stack.findIndex((item) => item.op === next)).map((item) => item.op);
        for (const op of cycle) {
          const { plan } = definitionOf(op);
          if (plan.kind === "refused") throw refusal(op, plan.why);
        }
        throw new InvalidArgumentError(
          `The graph has a cycle: ${cycle.map((op) => `'${op.name}'`).join(" needs ")} needs '${next.name}'.`,
        );
      } else if (!state.has(next)) enter(next);
    }
  }
  return result;
}
