/** Moving averages of variables (tensorflow/python/training/moving_averages.py). */
import { GraphKeys } from "../graph/collections.ts";
import { float32 } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import type { Variable } from "../graph/variable.ts";
import { constant, convertToTensor, opScope, type TensorLike } from "../ops/build.ts";
import { cast } from "../ops/cast.ts";
import { add, divide, minimum, multiply, subtract } from "../ops/elementwise.ts";
import { group } from "../ops/identity.ts";
import { assignSub } from "../ops/state.ts";
import { trainableVariables } from "../ops/variables.ts";
import { createSlot } from "./optimizers/optimizer.ts";

/** variable -= (variable − value) · (1 − decay), as one AssignSub. */
export function assignMovingAverage(
  variable: Variable,
  value: TensorLike,
  decay: number | Tensor,
  name = "AssignMovingAvg",
): Tensor {
  return opScope(name, [variable], (scope) =>
    variable.graph.colocateWith(variable.op, () => {
      const rest =
        typeof decay === "number" ? constant(1 - decay, { dtype: variable.dtype, name: "decay" }) : subtract(1, decay);
      return assignSub(variable, multiply(subtract(variable, value), rest), scope);
    }),
  );
}

export interface ExponentialMovingAverageOptions {
  /** Number of updates so far, often the global step: early on the decay is (1 + n) / (10 + n) where that is less. */
  numUpdates?: number | Tensor | Variable | null;
  /** Default "ExponentialMovingAverage". */
  name?: string;
}

/** Keeps averages of trained variables, which often do better than the variables themselves:
 * average -= (average − variable) · (1 − decay). An average starts at its variable's initial value. */
export class ExponentialMovingAverage {
  readonly name: string;
  readonly #decay: number | Tensor;
  readonly #numUpdates: number | Tensor | Variable | null;
  readonly #averages = new Map<Operation, Variable>();

  /** @param decay close to 1: 0.999 */
  constructor(decay: number | Tensor, options: ExponentialMovingAverageOptions = {}) {
    this.#decay = decay;
    this.#numUpdates = options.numUpdates ?? null;
    this.name = options.name ?? "ExponentialMovingAverage";
  }

  /** The operation that updates the averages of `varList` (default: all trainable variables); they are made where they are
   * missing. Run it after the training step: in `controlDependencies([trainOp])`.
   * @throws InvalidArgumentError where there is no variable, or one is not float32 */
  apply(varList: readonly Variable[] = trainableVariables()): Operation {
    if (varList.length === 0)
      throw new InvalidArgumentError("ExponentialMovingAverage: there are no variables to average.");
    const [{ graph }] = varList;
    return graph.asDefault(() => {
      for (const item of varList) this.#make(item);
      return graph.nameScope(this.name, (scope) => {
        const decay = this.#decayTensor();
        return group(
          varList.map((item) => assignMovingAverage(this.average(item)!, item, decay)),
          scope,
        );
      });
    });
  }

  #make(item: Variable): void {
    if (item.dtype !== float32)
      throw new InvalidArgumentError(`The variables must be float32: '${item.name}' is ${item.dtype}.`);
    if (this.#averages.has(item.op)) return;
    const { graph } = item;
    const made = graph.controlDependencies(null, () => createSlot(item, this.name, () => item.initialValue));
    this.#averages.set(item.op, made);
    if (!graph.getCollection(GraphKeys.MOVING_AVERAGE_VARIABLES).includes(item))
      graph.addToCollection(GraphKeys.MOVING_AVERAGE_VARIABLES, item);
  }

  #decayTensor(): Tensor {
    const decay = convertToTensor(this.#decay, { dtype: float32, name: "decay" });
    if (this.#numUpdates === null) return decay;
    const given = this.#numUpdates;
    const updates =
      typeof given === "number"
        ? constant(given, { dtype: float32, name: "num_updates" })
        : cast(given, float32, "num_updates");
    return minimum(decay, divide(add(1, updates), add(10, updates)));
  }

  /** The variable that holds the average; undefined before `apply`. */
  average(item: Variable): Variable | undefined {
    return this.#averages.get(item.op);
  }

  /** Its name: where a checkpoint of a program with the averages has it. */
  averageName(item: Variable): string {
    return this.#averages.get(item.op)?.op.name ?? `${item.op.name}/${this.name}`;
  }

  /** Names in a checkpoint → variables to load them into, so that a model runs with its averages. */
  variablesToRestore(movingAvgVariables: readonly Variable[] = trainableVariables()): Record<string, Variable> {
    const averaged = new Set([...movingAvgVariables, ...this.#collected(movingAvgVariables)]);
    return Object.fromEntries([...averaged].map((item) => [this.averageName(item), item]));
  }

  #collected(near: readonly Variable[]): Variable[] {
    const graph = near[0]?.graph;
    return graph ? graph.getCollection<Variable>(GraphKeys.MOVING_AVERAGE_VARIABLES) : [];
  }
}
