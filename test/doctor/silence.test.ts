/** Silencing: by session, by run, by the graph's author; never without a trace. */
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";

/** A training step whose update ops are forgotten, with a momentum that is suspect. */
function build(wrap: (body: () => tf.Tensor) => tf.Tensor = (body) => body()): {
  graph: tf.Graph;
  step: tf.Operation;
  init: tf.Operation;
} {
  const graph = new tf.Graph();
  return graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [4, 8, 8, 1], "x");
    const net = wrap(() => tf.layers.batchNormalization(tf.layers.conv2d(x, 2, 3), { training: true, name: "bn" }));
    const loss = tf.reduceMean(tf.square(net));
    const step = new tf.train.GradientDescentOptimizer(0.1).minimize(loss, { name: "step" });
    return { graph, step, init: tf.globalVariablesInitializer() };
  });
}

const feeds = { "x:0": new Float32Array(4 * 64) };

const ids = (findings: readonly tf.Finding[]): string[] => findings.map(({ id }) => id);

test("a session silences by id, and its doctor still lists what it found", async () => {
  const { graph, step, init } = build();
  const warnings: tf.Finding[] = [];
  const session = await tf.Session.create({ graph, silence: ["BN001"], onWarning: (found) => warnings.push(found) });
  await session.run(init);
  await session.run(step, feeds);
  expect(warnings).toEqual([]);
  expect(session.doctor(step, feeds)).toMatchObject([
    { id: "BN001", severity: "error", silenced: "silenced by the caller" },
  ]);
  expect(ids(session.doctor(step, feeds, { severity: "info" }))).toEqual(["BN001", "BN013"]);
});

test("a run silences for itself", async () => {
  const { graph, step, init } = build();
  const warnings: tf.Finding[] = [];
  const session = await tf.Session.create({ graph, onWarning: (found) => warnings.push(found) });
  await session.run(init);
  await session.run(step, feeds, { silence: ["BN001"] });
  expect(warnings).toEqual([]);
  // Another kind of run is told of.
  await session.run([step, "bn/moving_mean:0"], feeds);
  expect(ids(warnings)).toEqual(["BN001"]);
});

test("an author silences a part of the graph with a reason, which travels with it", async () => {
  const { graph, step } = build((body) =>
    tf.silence("BN001", "frozen on purpose", () => tf.silence("BN013", "an old checkpoint", body)),
  );
  const copy = await tf.importMetaGraph(await tf.exportMetaGraph(graph));
  for (const each of [graph, copy]) {
    const findings = tf.doctor(each, { fetches: step.name });
    expect(findings.map(({ id, silenced }) => [id, silenced])).toEqual([
      ["BN001", "frozen on purpose"],
      ["BN013", "an old checkpoint"],
    ]);
    const warnings: tf.Finding[] = [];
    const session = await tf.Session.create({ graph: each, onWarning: (found) => warnings.push(found) });
    session.plan(step.name, feeds);
    expect(warnings).toEqual([]);
    expect(tf.formatFinding(findings[0])).toMatch(/\nSilenced: frozen on purpose\.$/);
  }
});

test("only what was made inside is silenced", () => {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [4, 8, 8, 1], "x");
    const block = (input: tf.Tensor, name: string): tf.Tensor =>
      tf.layers.batchNormalization(tf.layers.conv2d(input, 2, 3, { useBias: false }), { training: true, name });
    tf.identity(
      block(
        tf.silence("BN001", "known", () => block(x, "inner")),
        "outer",
      ),
      "out",
    );
  });
  expect(tf.doctor(graph, { fetches: "out:0" }).map(({ id, layers, silenced }) => [id, layers, silenced])).toEqual([
    ["BN001", ["inner"], "known"],
    ["BN001", ["outer"], undefined],
  ]);
});

test("unknown ids and missing reasons are refused", async () => {
  const { graph, step, init } = build();
  await expect(tf.Session.create({ graph, silence: ["BN015"] })).rejects.toThrow(
    new tf.errors.InvalidArgumentError(
      "There is no rule 'BN015' to silence; rules are called BN001 … BN014, NN001 … NN009.",
    ),
  );
  const session = await tf.Session.create({ graph });
  await session.run(init);
  await expect(session.run(step, feeds, { silence: ["bn1"] })).rejects.toThrow("There is no rule 'bn1' to silence");
  expect(() => tf.doctor(graph, { silence: ["X"] })).toThrow("There is no rule 'X' to silence");
  expect(() => tf.silence("BN013", " ", () => null)).toThrow("Silencing BN013 needs a reason");
});

test("a session without the doctor says nothing and cannot be asked", async () => {
  const { graph, step, init } = build();
  const warnings: tf.Finding[] = [];
  const session = await tf.Session.create({ graph, doctor: false, onWarning: (found) => warnings.push(found) });
  await session.run(init);
  await session.run(step, feeds);
  expect(warnings).toEqual([]);
  expect(() => session.doctor(step)).toThrow(tf.errors.FailedPreconditionError);
});
