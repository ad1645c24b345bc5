// The Apply operations: shapes, what they update, and that references and resources give the same bits. The formulas are
// tested with the kernels, and by the optimizers' golden cases.
import { test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import { createOp } from "../../src/ops/build.ts";
import * as optimizer from "../../src/ops/optimizer.ts";
import * as tf from "../../src/entry/node.ts";
import { testApplyOps } from "../helpers/applyOps.ts";
import { expectMistake } from "../helpers/ops.ts";

// Operation over references and over resources; variables, then where the gradient is among the inputs, of how many.
testApplyOps([
  ["GradientDescent", optimizer.ApplyGradientDescent, optimizer.ResourceApplyGradientDescent, 1, 2, 3],
  ["Momentum", optimizer.ApplyMomentum, optimizer.ResourceApplyMomentum, 2, 3, 5],
  ["Adagrad", optimizer.ApplyAdagrad, optimizer.ResourceApplyAdagrad, 2, 3, 4],
  ["AdagradV2", optimizer.ApplyAdagradV2, optimizer.ResourceApplyAdagradV2, 2, 4, 5],
  ["Adadelta", optimizer.ApplyAdadelta, optimizer.ResourceApplyAdadelta, 3, 6, 7],
  ["RMSProp", optimizer.ApplyRMSProp, optimizer.ResourceApplyRMSProp, 3, 7, 8],
  ["CenteredRMSProp", optimizer.ApplyCenteredRMSProp, optimizer.ResourceApplyCenteredRMSProp, 4, 8, 9],
  ["Adam", optimizer.ApplyAdam, optimizer.ResourceApplyAdam, 3, 9, 10],
]);

test("other types are refused", () =>
  expectMistake(async () => {
    const graph = new tf.Graph();
    const update = graph.asDefault(() => {
      const variable = tf.variable([1, 2], { dtype: tf.int32 });
      const inputs = [variable.ref, tf.constant(1), tf.constant([1, 2])];
      return createOp(optimizer.ApplyGradientDescent, inputs, { T: attr.type(tf.int32) }, "step");
    });
    await (await tf.Session.create({ graph })).run(update);
  }, "UnimplementedError: 'step' (op: 'ApplyGradientDescent') is not supported for int32; supported: float32."));
