/** Programs that look like a trap and are none, and layers written in other ways. */
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { batchNormLayers } from "../../src/graph/batchNormLayers.ts";
import { Context, mutations } from "./mutations.ts";
import { programs } from "./programs.ts";

function build<T>(body: () => T): T & { graph: tf.Graph } {
  const graph = new tf.Graph();
  return { ...graph.asDefault(body), graph };
}

const found = (graph: tf.Graph, options: tf.DoctorOptions): string[] =>
  tf.doctor(graph, { severity: "warning", ...options }).map(({ id, layers }) => `${id} ${layers!.join()}`);

const minimize = (loss: tf.Tensor, updates: readonly tf.Operation[], varList?: readonly tf.Variable[]): tf.Operation =>
  tf.controlDependencies(updates, () => new tf.train.GradientDescentOptimizer(0.1).minimize(loss, { varList }));

const updatesOf = (scope?: string): tf.Operation[] => tf.getCollection<tf.Operation>(tf.GraphKeys.UPDATE_OPS, scope);

/** A generator and a discriminator; each step trains one and runs its own updates. */
function gan(updatesInGeneratorStep: (scope?: string) => tf.Operation[]): {
  d: tf.Operation;
  g: tf.Operation;
  graph: tf.Graph;
} {
  return build(() => {
    const noise = tf.placeholder(tf.float32, [16, 4], "noise");
    const real = tf.placeholder(tf.float32, [16, 8], "real");
    const net = (x: tf.Tensor, units: number, name: string, reuse: boolean): tf.Tensor => {
      const y = tf.layers.dense(x, 8, { useBias: false, name: `${name}/in`, reuse });
      const normed = tf.layers.batchNormalization(y, { training: true, name: `${name}/bn`, reuse });
      return tf.layers.dense(tf.nn.relu(normed), units, { name: `${name}/out`, reuse });
    };
    const fake = net(noise, 8, "g", false);
    const onReal = net(real, 1, "d", false);
    const updates = { d: updatesOf("d/") };
    const onFake = net(fake, 1, "d", true);
    const variables = (scope: string): tf.Variable[] =>
      tf.trainableVariables().filter(({ name }) => name.startsWith(scope));
    return {
      d: minimize(
        tf.subtract(tf.reduceMean(onFake), tf.reduceMean(onReal)),
        [...updates.d, ...updatesOf("d/bn_1")],
        variables("d/"),
      ),
      g: minimize(tf.negative(tf.reduceMean(onFake)), updatesInGeneratorStep("g/"), variables("g/")),
    };
  });
}

describe("no trap", () => {
  test("update ops fetched beside the step", () => {
    const { graph, step } = build(() => {
      const x = tf.placeholder(tf.float32, [8, 4], "x");
      const y = tf.layers.batchNormalization(x, { training: true });
      return { step: minimize(tf.reduceMean(tf.square(y)), []) };
    });
    const updates = graph.getCollection<tf.Operation>(tf.GraphKeys.UPDATE_OPS);
    expect(found(graph, { fetches: [step, ...updates] })).toEqual([]);
    expect(found(graph, { fetches: step })).toEqual(["BN001 batch_normalization"]);
  });

  test("recalibration: the update ops alone; gradients that are only looked at", () => {
    const { graph, updates, gradient } = build(() => {
      const x = tf.placeholder(tf.float32, [null, 4, 4, 2], "x");
      const y = tf.layers.batchNormalization(tf.layers.conv2d(x, 2, 3, { useBias: false }), {
        training: tf.placeholderWithDefault(true, [], "training"),
      });
      const loss = tf.reduceMean(tf.square(y));
      minimize(loss, updatesOf());
      return { updates: updatesOf(), gradient: tf.gradients(loss, tf.trainableVariables())[0]! };
    });
    expect(found(graph, { fetches: updates })).toEqual([]);
    expect(found(graph, { fetches: updates.map(({ outputs: [moved] }) => moved) })).toEqual([]);
    expect(found(graph, { fetches: gradient })).toEqual([]);
    const [
      {
        applications: [{ source }],
      },
    ] = batchNormLayers(graph);
    expect(found(graph, { fetches: source.outputs.slice(3, 5) })).toEqual([]);
    expect(found(graph, { fetches: [...source.outputs.slice(3, 5), source.outputs[0]] })).toEqual([
      "BN003 batch_normalization",
    ]);
  });

  test("a frozen layer that normalises with its moving statistics", () => {
    const { graph, step } = build(() => {
      const x = tf.placeholder(tf.float32, [null, 4], "x");
      const y = tf.layers.batchNormalization(tf.layers.dense(x, 4), { training: false, trainable: false });
      return { step: minimize(tf.reduceMean(tf.square(tf.layers.dense(y, 1))), updatesOf()) };
    });
    expect(found(graph, { fetches: step })).toEqual([]);
  });

  test("a GAN whose steps run their own updates", () => {
    const { graph, d, g } = gan(updatesOf);
    // The generator's layer also trains in the discriminator's step, and the other way round: each has its own step.
    expect(found(graph, { fetches: g })).toEqual([]);
    expect(found(graph, { fetches: d }).filter((each) => each.includes("g/"))).toEqual([]);
  });

  test("but the generator's updates in no step are missing", () => {
    const { graph, g } = gan(() => []);
    expect(found(graph, { fetches: g })).toEqual(["BN001 g/bn"]);
  });

  test("a moving average of something else, and averages of weights", () => {
    const { graph, step } = build(() => {
      const x = tf.placeholder(tf.float32, [8, 4], "x");
      const loss = tf.reduceMean(tf.square(tf.layers.dense(x, 1)));
      const average = new tf.train.ExponentialMovingAverage(0.1);
      const trained = minimize(loss, []);
      return { step: tf.controlDependencies([trained], () => average.apply(tf.trainableVariables())) };
    });
    expect(batchNormLayers(graph)).toEqual([]);
    expect(found(graph, { fetches: step })).toEqual([]);
  });
});

describe("layers written by hand", () => {
  type Update = (moving: tf.Variable, batch: tf.Tensor) => tf.Tensor;
  const forms: [string, number, Update][] = [
    ["v -= (v - b) * 0.1", 0.9, (v, b) => tf.assignSub(v, tf.multiply(tf.subtract(v, b), 0.1))],
    ["v -= 0.1 * (v - b)", 0.9, (v, b) => tf.assignSub(v, tf.multiply(0.1, tf.subtract(v, b)))],
    [
      "v -= where(n > 0, (v - b) * 0.1, 0)",
      0.9,
      (v, b) =>
        tf.assignSub(v, tf.selectV2(tf.greater(tf.size(b), 0), tf.multiply(tf.subtract(v, b), 0.1), tf.zeros([3]))),
    ],
    ["v += (b - v) * 0.1", 0.9, (v, b) => tf.assignAdd(v, tf.multiply(tf.subtract(b, v), 0.1))],
    ["v = v * 0.9 + b * 0.1", 0.9, (v, b) => tf.assign(v, tf.add(tf.multiply(v, 0.9), tf.multiply(b, 0.1)))],
    ["v = 0.1 * b + 0.9 * v", 0.9, (v, b) => tf.assign(v, tf.add(tf.multiply(0.1, b), tf.multiply(0.9, v)))],
  ];
  const moments: [string, (x: tf.Tensor) => { mean: tf.Tensor; variance: tf.Tensor }][] = [
    ["moments", (x) => tf.nn.moments(x, [0])],
    [
      "E[x²] − E[x]²",
      (x) => {
        const mean = tf.reduceMean(x, [0]);
        return { mean, variance: tf.subtract(tf.reduceMean(tf.square(x), [0]), tf.square(mean)) };
      },
    ],
  ];
  const cases = forms.flatMap(([form, momentum, update]) =>
    moments.map(([kind, batchOf]) => ({ name: `${form}, ${kind}`, momentum, update, batchOf })),
  );

  test.each(cases)("$name", ({ momentum, update, batchOf }) => {
    const { graph, right, wrong } = build(() => {
      const x = tf.placeholder(tf.float32, [32, 4], "x");
      const before = tf.layers.dense(x, 3, { useBias: false });
      const { mean, variance } = batchOf(before);
      const [m, v] = [
        tf.variable(tf.zeros([3]), { trainable: false, name: "n/m" }),
        tf.variable(tf.ones([3]), { trainable: false, name: "n/v" }),
      ];
      const updates = [update(m, mean).op, update(v, variance).op];
      const [gamma, beta] = [tf.variable(tf.ones([3])), tf.variable(tf.zeros([3]))];
      const y = tf.nn.batchNormalization(before, mean, variance, beta, gamma, 1e-3);
      const loss = tf.reduceMean(tf.square(tf.subtract(y, 1)));
      const optimizer = new tf.train.GradientDescentOptimizer(0.1);
      return {
        wrong: tf.identity(loss, "wrong"),
        right: tf.controlDependencies(updates, () => tf.group([optimizer.minimize(loss)])),
      };
    });
    expect(batchNormLayers(graph).map((layer) => [layer.name, layer.momentum, layer.applications.length])).toEqual([
      ["n", momentum, 1],
    ]);
    expect(
      found(graph, {
        fetches: [right, ...graph.operations.filter(({ type }) => type.startsWith("Assign") && type !== "Assign")],
      }),
    ).toEqual([]);
    expect(found(graph, { fetches: wrong })).toEqual(["BN003 n"]);
  });
});

test("a layer over two inputs is one layer with two applications", async () => {
  const { graph, step, init } = build(() => {
    const [a, b] = [tf.placeholder(tf.float32, [8, 4], "a"), tf.placeholder(tf.float32, [8, 4], "b")];
    const net = (x: tf.Tensor, reuse: boolean): tf.Tensor =>
      tf.layers.batchNormalization(x, { training: true, momentum: 0.5, name: "bn", reuse });
    const loss = tf.reduceMean(tf.square(tf.subtract(net(a, false), net(b, true))));
    return { step: minimize(loss, updatesOf()), init: tf.globalVariablesInitializer() };
  });
  expect(batchNormLayers(graph).map(({ name, applications }) => [name, applications.length])).toEqual([["bn", 2]]);
  const warnings: tf.Finding[] = [];
  const session = await tf.Session.create({ graph, onWarning: (finding) => warnings.push(finding) });
  await session.run(init);
  await session.run(step, { "a:0": new Float32Array(32), "b:0": new Float32Array(32) }, { repeat: 3 });
  expect(session.movingStatistics()).toMatchObject([{ layer: "bn", updates: 6, residual: 0.5 ** 6 }]);
  expect(warnings.map(({ id }) => id)).toEqual(["BN014"]);
});

describe("programs that TensorFlow exported, each broken for each trap", () => {
  const exported = programs.filter(({ name }) => /metagraph\/(lenet_momentum|resnet_adam)/.test(name));
  test.each(mutations)("$id: $what", async ({ id, run }) => {
    const findings = await Promise.all(
      exported.map(async (program) =>
        run(new Context(program, JSON.stringify(await tf.exportMetaGraphJson(await program.build())), 7)),
      ),
    );
    const mutants = findings.filter((each) => each !== null);
    expect(mutants.length).toBeGreaterThan(0);
    for (const each of mutants) expect(each.map((finding) => finding.id)).toContain(id);
  });
});
