/** One step of an optimizer for one variable: the Apply operations, over references and over resources
 * (tensorflow/core/ops/training_ops.cc). */
import { InvalidArgumentError, UnimplementedError } from "../graph/errors.ts";
import { mergeShapes, sizeOf, type Shape } from "../graph/shape.ts";
import { notDifferentiable, type KernelContext, type OpDefinition } from "./definition.ts";

export interface Application {
  /** The variable and its slots: the first inputs, all updated. */
  readonly variables: number;
  /** The gradient; the inputs between and behind are scalars. */
  readonly gradient: number;
  readonly inputs: number;
  /** The input that counts steps, an int64. */
  readonly step?: number;
  /** Calls the kernel for `n` elements. */
  emit(k: KernelContext, n: number): void;
}

/** An operation over references, and its form over resources. */
export interface ApplyDefinition extends OpDefinition {
  readonly resource: OpDefinition;
}

/** A call, so that bundlers can drop what is not used. */
export function resourceForm({ resource }: ApplyDefinition): OpDefinition {
  return resource;
}

/** Apply<kind> over references and ResourceApply<kind>. */
export function applyPair(kind: string, application: Application): ApplyDefinition {
  return { ...applying(`Apply${kind}`, application), resource: applying(`ResourceApply${kind}`, application, true) };
}

export function applying(type: string, application: Application, resource = false): OpDefinition {
  const { variables, gradient, inputs, step } = application;
  const isScalar = (i: number): boolean => i >= variables && i !== gradient;
  return {
    type,
    inputs: Array.from({ length: inputs }, (_, i) =>
      i < variables ? (resource ? "@T" : "&T") : i === step ? "int64" : "T",
    ).join(" "),
    outputs: (node) => (resource ? [] : [node.inputDtype(0).ref]),
    shape(node) {
      let shape: Shape = node.inputShape(gradient);
      for (let i = 0; i < variables; i++) shape = mergeShapes(node.inputShape(i), shape);
      for (let i = 0; i < inputs; i++) {
        const rank = node.inputShape(i)?.length ?? 0;
        if (isScalar(i) && rank !== 0) throw new InvalidArgumentError(`Shape must be rank 0 but is rank ${rank}`);
      }
      return resource ? [] : [shape];
    },
    updates: Array.from({ length: variables }, (_, ref) => ({ ref, replaces: false })),
    gradient: notDifferentiable("an assignment is no function of its inputs"),
    plan: {
      kind: "kernel",
      emit(k) {
        const { name } = k.inputDtype(gradient);
        if (name !== "float32") {
          throw new UnimplementedError(
            `'${k.op.name}' (op: '${type}') is not supported for ${name}; supported: float32.`,
          );
        }
        application.emit(k, sizeOf(k.inputShape(gradient)));
      },
    },
  };
}

const gradientDescent: Application = {
  variables: 1,
  gradient: 2,
  inputs: 3,
  emit: (k, n) => k.call("applyGradientDescent", k.input(0), k.input(1), k.input(2), n),
};

const momentum: Application = {
  variables: 2,
  gradient: 3,
  inputs: 5,
  emit(k, n) {
    const nesterov = Number(k.op.bool("use_nesterov", false));
    k.call("applyMomentum", k.input(0), k.input(1), k.input(2), k.input(3), k.input(4), nesterov, n);
  },
};

const adagrad: Application = {
  variables: 2,
  gradient: 3,
  inputs: 4,
  emit(k, n) {
    const updateSlots = Number(k.op.bool("update_slots", true));
    k.call("applyAdagrad", k.input(0), k.input(1), k.input(2), 0, k.input(3), updateSlots, n);
  },
};

const adagradV2: Application = {
  variables: 2,
  gradient: 4,
  inputs: 5,
  emit(k, n) {
    const updateSlots = Number(k.op.bool("update_slots", true));
    k.call("applyAdagrad", k.input(0), k.input(1), k.input(2), k.input(3), k.input(4), updateSlots, n);
  },
};

const adadelta: Application = {
  variables: 3,
  gradient: 6,
  inputs: 7,
  emit(k, n) {
    const [parameter, accumulator, update, rate, rho, epsilon, gradient] = inputsOf(k, 7);
    k.call("applyAdadelta", parameter, accumulator, update, rate, rho, epsilon, gradient, n);
  },
};

const rmsProp: Application = {
  variables: 3,
  gradient: 7,
  inputs: 8,
  emit(k, n) {
    const [parameter, square, moment, rate, rho, decay, epsilon, gradient] = inputsOf(k, 8);
    k.call("applyRmsProp", parameter, square, moment, rate, rho, decay, epsilon, gradient, n);
  },
};

const centeredRmsProp: Application = {
  variables: 4,
  gradient: 8,
  inputs: 9,
  emit(k, n) {
    const [parameter, mean, square, moment, rate, rho, decay, epsilon, gradient] = inputsOf(k, 9);
    k.call("applyCenteredRmsProp", parameter, mean, square, moment, rate, rho, decay, epsilon, gradient, n);
  },
};

const adam: Application = {
  variables: 3,
  gradient: 9,
  inputs: 10,
  emit(k, n) {
    const [parameter, m, v, power1, power2, rate, beta1, beta2, epsilon, gradient] = inputsOf(k, 10);
    const nesterov = Number(k.op.bool("use_nesterov", false));
    k.call("applyAdam", parameter, m, v, power1, power2, rate, beta1, beta2, epsilon, gradient, nesterov, n);
  },
};

export function inputsOf(k: KernelContext, count: number): ReturnType<KernelContext["input"]>[] {
  return Array.from({ length: count }, (_, i) => k.input(i));
}

export const ApplyGradientDescent: ApplyDefinition = applyPair("GradientDescent", gradientDescent);
export const ApplyMomentum: ApplyDefinition = applyPair("Momentum", momentum);
export const ApplyAdagrad: ApplyDefinition = applyPair("Adagrad", adagrad);
export const ApplyAdagradV2: ApplyDefinition = applyPair("AdagradV2", adagradV2);
export const ApplyAdadelta: ApplyDefinition = applyPair("Adadelta", adadelta);
export const ApplyRMSProp: ApplyDefinition = applyPair("RMSProp", rmsProp);
export const ApplyCenteredRMSProp: ApplyDefinition = applyPair("CenteredRMSProp", centeredRmsProp);
export const ApplyAdam: ApplyDefinition = applyPair("Adam", adam);

export const ResourceApplyGradientDescent: OpDefinition = resourceForm(ApplyGradientDescent);
export const ResourceApplyMomentum: OpDefinition = resourceForm(ApplyMomentum);
export const ResourceApplyAdagrad: OpDefinition = resourceForm(ApplyAdagrad);
export const ResourceApplyAdagradV2: OpDefinition = resourceForm(ApplyAdagradV2);
export const ResourceApplyAdadelta: OpDefinition = resourceForm(ApplyAdadelta);
export const ResourceApplyRMSProp: OpDefinition = resourceForm(ApplyRMSProp);
export const ResourceApplyCenteredRMSProp: OpDefinition = resourceForm(ApplyCenteredRMSProp);
export const ResourceApplyAdam: OpDefinition = resourceForm(ApplyAdam);
