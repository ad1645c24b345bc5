/** BN001: says so where update ops are forgotten, once a plan, and is silent where they are not. */
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { buildTutorial, readPhoto } from "../helpers/tutorial.ts";

const feeds = { "input_node:0": readPhoto() };

async function collecting(graph: tf.Graph): Promise<{ session: tf.Session; findings: tf.Finding[] }> {
  const findings: tf.Finding[] = [];
  return { session: await tf.Session.create({ graph, onWarning: (finding) => findings.push(finding) }), findings };
}

test("the correct program is silent", async () => {
  const { graph, trainOp, net, init } = buildTutorial();
  const { session, findings } = await collecting(graph);
  await session.run(init);
  await session.run(trainOp, feeds);
  await session.run([net, "bn/moving_mean/read:0"], { ...feeds, "training:0": false });
  expect(findings).toEqual([]);
  expect(session.doctor(trainOp, feeds)).toEqual([]);
});

test("the forgotten update ops are named with their layer and the fix, once a plan", async () => {
  const { graph, trainOp, init } = buildTutorial({ updates: false });
  const { session, findings } = await collecting(graph);
  await session.run(init);
  await session.run(trainOp, feeds, { repeat: 5 });
  await session.run(trainOp, feeds);
  expect(findings).toEqual([
    {
      id: "BN001",
      severity: "warning",
      message:
        "The batch-norm layer 'bn' normalises with batch statistics, but this run does not reach the update ops bn/AssignMovingAvg, bn/AssignMovingAvg_1: the moving mean and variance keep their values, and inference is wrong without a word.",
      ops: ["bn/AssignMovingAvg", "bn/AssignMovingAvg_1"],
      fix: expect.stringContaining("tf.controlDependencies(updateOps"),
      layers: ["bn"],
    },
  ]);
  expect(session.movingStatistics()[0].updates).toBe(0);
});

test("doctor asks without running anything, and without values", async () => {
  const { graph, trainOp } = buildTutorial({ updates: false });
  const { session } = await collecting(graph);
  expect(session.doctor("train_op").map((finding) => finding.id)).toEqual(["BN001"]);
  expect(session.doctor(trainOp, { "training:0": false })).toEqual([]);
});

test("one of two update ops is half forgotten", async () => {
  const { graph, net } = buildTutorial({ updates: false });
  const half = graph.asDefault(() =>
    tf.controlDependencies([graph.getOperationByName("bn/AssignMovingAvg")], () => tf.identity(net)),
  );
  const { session } = await collecting(graph);
  expect(session.doctor(half)[0].ops).toEqual(["bn/AssignMovingAvg_1"]);
});

test("non-fused layers are judged by structure too", async () => {
  const graph = new tf.Graph();
  const built = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [null, 8], "x");
    const training = tf.placeholderWithDefault(true, [], "training");
    const y = tf.layers.batchNormalization(x, { training });
    const updates = tf.getCollection(tf.GraphKeys.UPDATE_OPS);
    return { y, right: tf.controlDependencies(updates, () => tf.identity(y)) };
  });
  const { session } = await collecting(graph);
  expect(session.doctor(built.right)).toEqual([]);
  expect(session.doctor(built.y)[0]).toMatchObject({
    id: "BN001",
    message: expect.stringContaining("'batch_normalization'"),
  });
  expect(session.doctor(built.y, { "training:0": false })).toEqual([]);
});
