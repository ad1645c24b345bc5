/** What kernels take along, batch normalization and gradients first of all: fewer steps, the same bits. */
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";

type Values = readonly (readonly number[])[];

/** Runs what `build` makes of x, [n, 2, 2, 3], for some or all of the tensors, and lists the kernels of the plan. */
async function run(
  build: (x: tf.Tensor) => readonly tf.Tensor[],
  wanted: readonly number[] | "all",
  { n = 2, batch = n as number | null } = {},
): Promise<{ values: Values; kernels: string[] }> {
  const graph = new tf.Graph();
  const { x, tensors } = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [batch, 2, 2, 3], "x");
    return { x, tensors: build(x) };
  });
  const fetches = wanted === "all" ? tensors : wanted.map((i) => tensors[i]);
  const session = await tf.Session.create({ graph, seed: 1, planner: { poison: true } });
  const feeds = new Map([[x, Float32Array.from({ length: n * 12 }, (_, i) => Math.sin(i * 1.7) * 3)]]);
  await session.run(graph.asDefault(() => tf.globalVariablesInitializer()));
  const fetched = await session.run(fetches, feeds);
  const kernels = session.plan(fetches, feeds).parts.steps.map((step) => step.kernel);
  return { values: fetched.map(({ data }) => Array.from(data as Float32Array)), kernels };
}

/** The tensors of `build` fetched alone (`fused`) have the bits that they have when all are fetched, and nothing is fused. */
async function compare(build: (x: tf.Tensor) => readonly tf.Tensor[], fused: number, about = {}): Promise<string[]> {
  const all = await run(build, "all", about);
  const alone = await run(build, [fused], about);
  expect(alone.values[0]).toEqual(all.values[fused]);
  return alone.kernels;
}

const ones = tf.onesInitializer();
const vector = (...values: number[]): tf.Tensor => tf.constant(values, { dtype: tf.float32 });
const normalize = (x: tf.Tensor, isTraining = true): { y: tf.Tensor; mean: tf.Tensor; variance: tf.Tensor } => {
  const [scale, offset] = ["scale", "offset"].map((name) => tf.getVariable(name, [3], { initializer: ones }));
  const statistics = isTraining ? {} : { mean: vector(0.1, 0.2, 0.3), variance: vector(1, 2, 3) };
  return tf.nn.fusedBatchNorm(x, scale, offset, { isTraining, ...statistics });
};

describe("fused batch norm", () => {
  for (const isTraining of [true, false]) {
    const kernel = isTraining ? "fusedBatchNormTraining" : "fusedBatchNormInference";
    for (const activation of [tf.nn.relu, tf.nn.relu6]) {
      test(`${activation.name}, isTraining ${isTraining}`, async () => {
        const kernels = await compare((x) => {
          const { y } = normalize(x, isTraining);
          return [y, activation(y)];
        }, 1);
        expect(kernels).toEqual([kernel]);
      });

      test(`a residual block with ${activation.name}, isTraining ${isTraining}`, async () => {
        for (const first of [true, false]) {
          const kernels = await compare((x) => {
            const { y } = normalize(x, isTraining);
            const shortcut = tf.multiply(x, 2);
            const sum = first ? tf.add(y, shortcut) : tf.add(shortcut, y);
            return [y, sum, activation(sum), shortcut];
          }, 2);
          expect(kernels).toEqual(["multiply", kernel]);
        }
      });
    }
  }

  test("a sum without activation", async () => {
    const kernels = await compare((x) => {
      const { y } = normalize(x);
      return [y, tf.add(y, x)];
    }, 1);
    expect(kernels).toEqual(["fusedBatchNormTraining"]);
  });

  test("twice itself, and a sum with a row, are kernels of their own", async () => {
    const twice = (x: tf.Tensor): tf.Tensor[] => {
      const { y } = normalize(x);
      return [tf.add(y, y)];
    };
    expect((await run(twice, [0])).kernels).toEqual(["fusedBatchNormTraining", "add"]);
    const row = (x: tf.Tensor): tf.Tensor[] => {
      const { y } = normalize(x);
      return [tf.nn.relu(tf.add(y, tf.convertToTensor([1, 2, 3], { dtype: tf.float32 })))];
    };
    expect((await run(row, [0])).kernels).toEqual(["fusedBatchNormTraining", "add", "relu"]);
  });

  test("batches of unknown size that turn out to differ are repeated as the sum alone would", async () => {
    const build = (x: tf.Tensor): tf.Tensor[] => {
      const { y } = normalize(x);
      const mean = tf.reduceMean(x, 0, { keepDims: true });
      const row = tf.placeholderWithDefault(tf.zeros([1, 2, 2, 3]), [null, 2, 2, 3], "row");
      const sum = tf.add(y, tf.add(row, mean));
      const small = normalizeAgain(mean);
      const large = tf.add(small, tf.add(row, x));
      return [y, sum, tf.nn.relu(sum), large, tf.nn.relu6(large)];
    };
    const normalizeAgain = (mean: tf.Tensor): tf.Tensor => {
      const unknown = tf.placeholderWithDefault(tf.zeros([1, 2, 2, 3]), [null, 2, 2, 3], "unknown");
      return tf.nn.fusedBatchNorm(tf.add(unknown, mean), vector(1, 1, 1), vector(0, 0, 0)).y;
    };
    for (const fused of [2, 4]) {
      const kernels = await compare(build, fused, { n: 3, batch: null });
      expect(kernels).toContain("fusedBatchNormTraining");
    }
  });

  test("its statistics are there, and what is added may depend on them", async () => {
    const kernels = await compare((x) => {
      const { y, mean, variance } = normalize(x);
      const shifted = tf.add(x, mean);
      return [y, tf.nn.relu(tf.add(y, shifted)), variance, shifted];
    }, 1);
    // The sum cannot run together with what it waits for.
    expect(kernels).toEqual(["fusedBatchNormTraining", "add", "add", "relu"]);
    const both = await run((x) => {
      const { y, mean } = normalize(x);
      return [tf.nn.relu(y), mean];
    }, "all");
    expect(both.kernels).toEqual(["fusedBatchNormTraining"]);
    expect(both.values[1]).toHaveLength(3);
  });

  test("who asks for the shape alone is no reader: the gradient of a sum of unknown batches", async () => {
    const build = (x: tf.Tensor): tf.Tensor[] => {
      const { y } = normalize(x);
      const sum = tf.add(y, tf.multiply(x, 2));
      const relu = tf.nn.relu(sum);
      return [y, sum, relu, tf.gradients(tf.reduceSum(tf.square(relu)), [x])[0]!, tf.shape(y)];
    };
    const kernels = await compare(build, 3, { n: 3, batch: null });
    // One addition is left, of the two gradients of x.
    expect(kernels.filter((kernel) => kernel === "add" || kernel === "relu")).toEqual(["add"]);
    const { values } = await run(build, [2, 4], { n: 3, batch: null });
    expect(values[1]).toEqual([3, 2, 2, 3]);
  });

  test("what is added may depend on the shape", async () => {
    const build = (x: tf.Tensor): tf.Tensor[] => {
      const { y } = normalize(x);
      const added = tf.reshape(tf.multiply(x, 2), tf.shape(y));
      return [y, tf.nn.relu(tf.add(y, added))];
    };
    expect(await compare(build, 1, { batch: null })).toContain("fusedBatchNormTraining");
  });

  test("two that wait for each other's statistics are not joined", async () => {
    const build = (x: tf.Tensor): tf.Tensor[] => {
      const [a, b] = [x, tf.multiply(x, 3)].map((t) => tf.nn.fusedBatchNorm(t, vector(1, 2, 3), vector(0, 1, 2)));
      const [fromA, fromB] = [tf.add(x, a.mean), tf.add(x, b.mean)];
      const [first, second] = [tf.add(a.y, fromB), tf.add(b.y, fromA)];
      return [first, second, tf.add(first, second), a.y, b.y];
    };
    const kernels = await compare(build, 2);
    expect(kernels.filter((kernel) => kernel === "fusedBatchNormTraining")).toHaveLength(2);
  });
});

describe("gradients", () => {
  test("a Relu before maximum pooling", async () => {
    const build = (x: tf.Tensor): tf.Tensor[] => {
      const y = tf.nn.maxPool(tf.nn.relu(x), 2, { strides: 2, padding: "SAME" });
      return tf.gradients([tf.multiply(y, y)], [x]) as tf.Tensor[];
    };
    const { values, kernels } = await run(build, "all");
    expect(kernels).not.toContain("reluGrad");
    const separate = await run((x) => {
      const y = tf.nn.relu(x);
      const pooled = tf.nn.maxPool(y, 2, { strides: 2, padding: "SAME" });
      const [byRelu] = tf.gradients([tf.multiply(pooled, pooled)], [y]) as tf.Tensor[];
      return [tf.select(tf.greater(x, 0), byRelu, tf.zerosLike(x))];
    }, "all");
    expect(values).toEqual(separate.values);
  });

  test("a Relu at which two gradients arrive", async () => {
    const build = (x: tf.Tensor): tf.Tensor[] => {
      const y = tf.nn.relu(x);
      const loss = tf.add(tf.multiply(y, 2), tf.square(y));
      const [byY] = tf.gradients([loss], [y]) as tf.Tensor[];
      return [...(tf.gradients([loss], [x]) as tf.Tensor[]), tf.select(tf.greater(x, 0), byY, tf.zerosLike(x))];
    };
    const { values, kernels } = await run(build, "all");
    expect(kernels).toContain("addReluGrad");
    expect(values[0]).toEqual(values[1]);
  });
});
