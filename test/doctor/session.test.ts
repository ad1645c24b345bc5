/** The doctor beside a session: when it speaks, what it remembers, and that looking changes nothing. */
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";

interface Net {
  readonly graph: tf.Graph;
  readonly step: tf.Operation;
  readonly update: tf.Operation;
  readonly logits: tf.Tensor;
  readonly init: tf.Operation;
}

function build({ updateOps = true, momentum = 0.9 } = {}): Net {
  const graph = new tf.Graph();
  return graph.asDefault(() => {
    tf.setRandomSeed(1);
    const x = tf.placeholder(tf.float32, [null, 8, 8, 1], "x");
    const training = tf.placeholderWithDefault(false, [], "training");
    let net = tf.layers.conv2d(x, 4, 3, { useBias: false, name: "conv" });
    net = tf.nn.relu(tf.layers.batchNormalization(net, { training, momentum, name: "bn" }));
    net = tf.layers.dropout(net, { training });
    const logits = tf.layers.dense(tf.reduceMean(net, [1, 2]), 2);
    const loss = tf.reduceMean(tf.square(logits));
    const step = new tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss, { updateOps, name: "step" });
    const update = tf.group(tf.getCollection(tf.GraphKeys.UPDATE_OPS), "update");
    return { graph, step, update, logits, init: tf.globalVariablesInitializer() };
  });
}

const images = (n: number): { data: Float32Array; shape: number[] } => ({
  data: Float32Array.from({ length: n * 64 }, (_, i) => ((i * 31) % 17) / 17),
  shape: [n, 8, 8, 1],
});
const training = { "x:0": images(4), "training:0": true };
const inference = { "x:0": images(4) };

async function open(net: Net): Promise<{ session: tf.Session; said: () => string[] }> {
  const warnings: tf.Finding[] = [];
  const session = await tf.Session.create({ graph: net.graph, onWarning: (found) => warnings.push(found) });
  await session.run(net.init);
  return { session, said: () => warnings.splice(0).map(({ id, severity }) => `${id} ${severity}`) };
}

test("inference with statistics that no step has moved, in a plan that is older than the training", async () => {
  const net = build({ updateOps: false });
  const { session, said } = await open(net);
  await session.run(net.logits, inference);
  expect(said()).toEqual([]);
  await session.run(net.step, training, { repeat: 3 });
  expect(said()).toEqual(["BN001 error"]);
  await session.run(net.logits, inference);
  expect(said()).toEqual(["BN001 error"]);
  await session.run(net.logits, inference);
  expect(said()).toEqual([]);
  expect(session.doctor(net.logits, inference)).toMatchObject([{ id: "BN001", layers: ["bn"], figures: { bn: 3 } }]);
  await session.run(net.update, training);
  expect(session.doctor(net.logits, inference)).toEqual([]);
});

test("weights set after training are followed until the statistics move", async () => {
  const net = build();
  const { session, said } = await open(net);
  await session.run(net.step, training, { repeat: 2 });
  await session.run(net.logits, inference);
  expect(said()).toEqual([]);
  const kernel = session.variables().get("conv/kernel")!;
  session.load({ "conv/kernel": kernel });
  await session.run(net.logits, inference);
  expect(said()).toEqual(["BN011 warning"]);
  await session.run(net.update, training);
  expect(session.doctor(net.logits, inference)).toEqual([]);
  // What stands behind the layer does not matter to it.
  session.load({ "dense/bias": [1, 2] });
  expect(session.doctor(net.logits, inference)).toEqual([]);
});

test("a whole checkpoint brings its statistics along", async () => {
  const net = build();
  const first = await open(net);
  await first.session.run(net.step, training, { repeat: 2 });
  const { session, said } = await open(net);
  await session.restore(await first.session.checkpoint());
  await session.run(net.logits, inference);
  expect(said()).toEqual([]);
});

test("what is left of the initial value is told with its figure", async () => {
  const net = build({ momentum: 0.99 });
  const { session } = await open(net);
  await session.run(net.step, training, { repeat: 160 });
  const [finding] = session.doctor(net.logits, inference, { severity: "info" });
  expect(finding).toMatchObject({ id: "BN004", layers: ["bn"] });
  expect(finding.figures!.bn).toBeCloseTo(0.99 ** 160, 10);
  expect(session.doctor(net.logits, inference)).toEqual([]);
});

test("a last batch of one is noticed when it comes", async () => {
  const graph = new tf.Graph();
  const net = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [null, 4], "x");
    const y = tf.layers.batchNormalization(tf.layers.dense(x, 4, { useBias: false }), { training: true });
    const loss = tf.reduceMean(tf.square(y));
    const step = new tf.train.GradientDescentOptimizer(0.1).minimize(loss, { updateOps: true });
    return { graph, step, update: step, logits: y, init: tf.globalVariablesInitializer() };
  });
  const { session, said } = await open(net);
  const rows = (n: number): tf.Feeds => ({ "x:0": { data: new Float32Array(n * 4).fill(0.5), shape: [n, 4] } });
  await session.run(net.step, rows(32));
  expect(said()).toEqual([]);
  await session.run(net.step, rows(5));
  expect(said()).toEqual(["BN008 warning"]);
  await session.run(net.step, rows(1));
  expect(said()).toEqual(["BN008 error"]);
});

const values = (session: tf.Session): unknown => [...session.variables()].map(([name, { data }]) => [name, [...data]]);

test("a checkup leaves no trace: variables, generators, counts", async () => {
  const net = build();
  const [looked, other] = [(await open(net)).session, (await open(net)).session];
  for (const session of [looked, other]) await session.run(net.step, training, { repeat: 2 });
  const before = looked.takeChanges();
  expect(await tf.checkup(looked, { fetches: net.step, feeds: training })).toEqual([]);
  const after = looked.takeChanges();
  expect(after.updates).toEqual(before.updates);
  expect(after.variables.size).toBe(0);
  for (const session of [looked, other]) await session.run(net.step, training, { repeat: 2 });
  expect(values(looked)).toEqual(values(other));
});

test("a dry run that fails leaves no trace either", async () => {
  const net = build();
  const { session } = await open(net);
  const before = values(session);
  await expect(session.dryRun([net.logits], {})).rejects.toThrow("You must feed a value for placeholder tensor 'x'");
  expect(values(session)).toEqual(before);
});

test("fit warns as run does, once", async () => {
  const net = build({ updateOps: false });
  const { session, said } = await open(net);
  const { progress } = await tf.fit(session, {
    feeds: { "x:0": images(16) },
    constants: { "training:0": true },
    train: net.step,
    batchSize: 4,
    steps: 8,
    seed: 1,
  });
  expect(progress!.step).toBe(8);
  expect(said()).toEqual(["BN001 error"]);
});
