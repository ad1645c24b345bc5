/**
 * What an op family says about each of its operation types: outputs, shapes, and how a plan runs it. Every rule is a
 * required field, so that a missing rule is a compile error.
 */
import type { instantiate } from "../../dist/kernels.js";
import type { DType, TypedArray } from "../graph/dtype.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import type { Shape } from "../graph/shape.ts";
import type { TensorValue } from "../graph/tensorValue.ts";

/** A node as shape and dtype rules see it: at build it has no outputs yet, at plan time its shapes are concrete. */
export interface NodeView {
  readonly op: Pick<
    Operation,
    "int" | "float" | "bool" | "string" | "dtype" | "shape" | "tensor" | "ints" | "hasAttr" | "attrs"
  >;
  readonly inputCount: number;
  inputShape(index: number): Shape;
  inputDtype(index: number): DType;
  /** The value of an input that is known before the run; undefined if it is not. */
  constant(index: number): TensorValue | undefined;
}

/** A place in WASM memory that the planner gives an address. */
export interface BufferRef {
  readonly bytes: number;
}

export type KernelArgument = BufferRef | number;

/** The exports of the WASM module, as its compiler declares them. */
export type KernelExports = Awaited<ReturnType<typeof instantiate>>;
export type KernelName = keyof KernelExports;
/** A kernel's parameters: a buffer may stand for its pointer. */
type WithBuffers<Parameters extends readonly unknown[]> = { [I in keyof Parameters]: KernelArgument };
type KernelArguments<K extends KernelName> = WithBuffers<Parameters<KernelExports[K]>>;

/** The error of a check that failed with `code`. */
export type CheckError = (code: number, read: (buffer: BufferRef, dtype: DType) => TypedArray) => Error;

/** How convolutions are computed: by the fastest way for their shapes, or always as the sums they are defined by. */
export type ConvolutionOption = "auto" | "direct";

/** What a kernel rule works with while a plan is compiled. */
export interface KernelContext {
  readonly op: Operation;
  /** Operations whose work this one's kernel takes along (see `absorbs`), in order. */
  readonly absorbed: readonly Operation[];
  inputShape(index: number): readonly number[];
  inputDtype(index: number): DType;
  outputShape(index: number): readonly number[];
  /** True if something in the plan reads this output. */
  isNeeded(index: number): boolean;
  /** Value of a constant input, such as a shape or axes. */
  constant(index: number): TensorValue;
  input(index: number): BufferRef;
  /** The buffer of any tensor already computed: an operand of an absorbed operation. */
  tensor(of: Operation, index: number): BufferRef;
  tensorShape(of: Operation, index: number): readonly number[];
  output(index: number): BufferRef;
  /** Memory used during this operation only. */
  scratch(bytes: number): BufferRef;
  /** The generator of a random operation: counter and key, kept between runs. */
  generator(): BufferRef;
  /** Writes an attribute block into plan memory and gives its address. */
  attributes(words: readonly number[]): number;
  /** The session's option. */
  readonly convolution: ConvolutionOption;
  /** Whether the session's kernels have this one: a small module has not all. */
  has(kernel: KernelName): boolean;
  /** A size that only the kernels know (scratch, packed weights), asked with a pointer to an attribute block or sizes. */
  query<K extends KernelName>(kernel: K, ...args: Parameters<KernelExports[K]>): number;
  /** Appends a call that may refuse the run: where the kernel returns anything but 0, `error` makes what is thrown, and
   * variables keep the values from before the run. `error` may read the buffers `reads`. */
  check<K extends KernelName>(
    kernel: K,
    error: CheckError,
    reads: readonly BufferRef[],
    ...args: KernelArguments<K>
  ): void;
  /** Appends a kernel call to the plan: outputs, inputs, scratch, attributes, sizes. */
  call<K extends KernelName>(kernel: K, ...args: KernelArguments<K>): void;
}

export type PlanRule =
  /** The planner provides the value: Const, Placeholder, a variable. */
  | { readonly kind: "source" }
  /** Output 0 is input `of`, perhaps under another shape, or every output is the input of its number: no step. */
  | { readonly kind: "view"; readonly of: number | "each" }
  /** Has no kernel: its value always follows from constants and shapes (see `fold`). */
  | { readonly kind: "fold" }
  /** Runs nothing: NoOp. */
  | { readonly kind: "none" }
  /** True if the variable behind input 0 has a value when the run begins. */
  | { readonly kind: "initialized" }
  /** Passes input 0 on to output 1 if the predicate (input 1) is true, to output 0 otherwise. */
  | { readonly kind: "switch" }
  /** Passes on whichever input is alive. */
  | { readonly kind: "merge" }
  | {
      readonly kind: "kernel";
      emit(context: KernelContext): void;
      /** Inputs whose buffer output 0 may take over when this is their last reader. */
      readonly inPlace?: readonly number[];
      /** True if `consumer`, the only reader of output 0 (as its input `index`), can be computed by the same kernel. */
      absorbs?(op: Operation, consumer: Operation, index: number): boolean;
    }
  /** Known, but not run here. `why` is the end of a sentence. */
  | { readonly kind: "refused"; readonly why: string };

/** How gradients pass an operation, from its outputs to its inputs. */
export type GradientRule =
  /** `dy` has one gradient for each output that is trainable (float32; zeros where nothing flowed) and undefined for the
   * others; the result has one for each input, null where none flows. Operations are added to the default graph. */
  | ((op: Operation, dy: readonly Tensor[]) => readonly (Tensor | null)[])
  /** No gradient flows, for this reason. `silent`: as if nothing depended on the inputs; otherwise reaching it is an error. */
  | { readonly none: string; readonly silent: boolean };

/** A rule for what no gradient can flow through: integers, state, shapes. */
export function notDifferentiable(why: string): GradientRule {
  return { none: why, silent: true };
}

/** A rule for what would need a gradient that TensorFlow has not either, or that is not here. */
export function noGradient(why: string): GradientRule {
  return { none: why, silent: false };
}

/** The input that output `index` of a view is. */
export function viewed(plan: Extract<PlanRule, { kind: "view" }>, index: number): number {
  return plan.of === "each" ? index : plan.of;
}

export interface VariableUpdate {
  /** The input that is the variable: a reference or a resource. */
  readonly ref: number;
  /** True if the old value is replaced (Assign), false if it is read (AssignSub). */
  readonly replaces: boolean;
}

export interface OpDefinition {
  readonly type: string;
  /** Types of the inputs, as inputTypes.ts reads them: "T T", both of the type that attribute T tells. Absent where nothing
   * is computed: an operation that is refused. */
  readonly inputs?: string;
  /** Types of the outputs. */
  outputs(node: NodeView): readonly DType[];
  /** Shapes of the outputs as far as the inputs' are known. Throws InvalidArgumentError where they do not fit. */
  shape(node: NodeView): readonly Shape[];
  readonly plan: PlanRule;
  readonly gradient: GradientRule;
  /** The outputs, where they follow from constant inputs and from shapes: integers and booleans that other rules ask for.
   * Undefined if something is not known yet. */
  fold?(node: NodeView): readonly TensorValue[] | undefined;
  /** True for an operation that must run wherever it is reached, though nobody takes its outputs (random, Assert). */
  readonly stateful?: true;
  /** True for an operation that may refuse the run for what its inputs hold: it too must run wherever it is reached. */
  mayRefuse?(op: Operation): boolean;
  /** The variables that the operation writes, by input. If it has outputs, output 0 is the first of them, as a reference. */
  readonly updates?: readonly VariableUpdate[];
}

/** Another definition with some rules replaced. A call, and no spread at the place itself: bundlers can drop it. */
export function altered(definition: OpDefinition, rules: Partial<OpDefinition>): OpDefinition {
  return { ...definition, ...rules };
}
