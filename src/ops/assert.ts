/** Assert: refuses a run whose condition does not hold (tensorflow/core/kernels/logging_ops.cc). */
import { attr } from "../graph/attr.ts";
import { bool, string } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import { sizeOf } from "../graph/shape.ts";
import type { TensorValue } from "../graph/tensorValue.ts";
import { constantValue, convertToTensor, createOp, type TensorLike } from "./build.ts";
import { Const } from "./constant.ts";
import { notDifferentiable, type BufferRef, type OpDefinition } from "./definition.ts";

/** Elements of each tensor that the message shows. */
const shown = 3;

export const Assert: OpDefinition = {
  type: "Assert",
  inputs: "bool any*",
  outputs: () => [],
  shape: () => [],
  stateful: true,
  gradient: notDifferentiable("it has no outputs"),
  plan: {
    kind: "kernel",
    emit(k) {
      const limit = k.op.int("summarize", shown);
      const data = k.op.inputs.slice(1).map((tensor, i): { tensor: Tensor; buffer: BufferRef | null } => ({
        tensor,
        buffer: tensor.dtype.base.array ? k.input(i + 1) : null,
      }));
      k.check(
        "checkAll",
        (_code, read) => {
          const texts = data.map(({ tensor, buffer }) =>
            buffer
              ? summary(read(buffer, tensor.dtype.base), limit, tensor.dtype.base === bool)
              : strings(constantValue(tensor), limit),
          );
          return new InvalidArgumentError(
            `assertion failed: ${texts.map((text) => `[${text}]`).join(" ")} for '${k.op.name}' (op: 'Assert').`,
          );
        },
        data.flatMap(({ buffer }) => buffer ?? []),
        k.input(0),
        sizeOf(k.inputShape(0)),
      );
    },
  },
};

function summary(data: ArrayLike<number | bigint>, limit: number, logical: boolean): string {
  const count = limit < 0 ? data.length : Math.min(limit, data.length);
  const items = Array.from({ length: count }, (_, i) => (logical ? Number(data[i]) : String(data[i])));
  return items.join(" ") + (data.length > count ? "..." : "");
}

function strings(value: TensorValue | undefined, limit: number): string {
  if (!value) return "?";
  const decoder = new TextDecoder();
  const items = (value.data as readonly Uint8Array[]).map((bytes) => decoder.decode(bytes));
  return limit < 0 ? items.join(" ") : items.slice(0, limit).join(" ");
}

/** Refuses a run in which `condition` (bool) does not hold for all its elements: InvalidArgumentError with `data`, tensors or
 * strings; variables then keep their values. Nothing runs it unless it is fetched or a control dependency. */
export function assertTrue(
  condition: TensorLike,
  data: readonly (Tensor | string)[],
  options: { summarize?: number; name?: string } = {},
): Operation {
  const test = convertToTensor(condition, { dtype: bool });
  const inputs = data.map((item) => (typeof item === "string" ? text(item) : item));
  const attrs = {
    T: { list: { type: inputs.map((input) => input.dtype.base) } },
    summarize: attr.int(options.summarize ?? shown),
  };
  return createOp(Assert, [test, ...inputs], attrs, options.name ?? "Assert");
}

function text(value: string): Tensor {
  const tensor = { dtype: string, shape: [], data: [new TextEncoder().encode(value)] };
  return createOp(Const, [], { value: attr.tensor(tensor), dtype: attr.type(string) }, "Const").outputs[0];
}
