/** tf.gradients: names, sums of several ways, what stops them. Each op's own gradient is tested with the op. */
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { createOp } from "../../src/ops/build.ts";
import { SoftmaxCrossEntropyWithLogits } from "../../src/ops/crossEntropy.ts";

interface Built {
  readonly ys: tf.Tensor | readonly tf.Tensor[];
  readonly xs: readonly (tf.Tensor | tf.Variable)[];
  readonly options?: tf.GradientsOptions;
}

/** Values of the gradients, null where there is none, and the names of the operations that were added. */
async function run(build: () => Built, feeds?: tf.Feeds): Promise<{ values: (tf.Nested | null)[]; names: string[] }> {
  const graph = new tf.Graph();
  const { made, before, init } = graph.asDefault(() => {
    const { ys, xs, options } = build();
    const before = graph.operations.length;
    const made = tf.gradients(ys, xs, options);
    return { made, before, init: tf.globalVariablesInitializer() };
  });
  const names = graph.operations.slice(before, -1).map((op) => `${op.name} ${op.type}`);
  const session = await tf.Session.create({ graph, planner: { poison: true } });
  await session.run(init);
  const present = made.filter((gradient): gradient is tf.Tensor => gradient !== null);
  const values = await session.run(present, feeds);
  return { values: made.map((gradient) => (gradient ? values[present.indexOf(gradient)].toNested() : null)), names };
}

const floats = (values: number[], name?: string): tf.Tensor => tf.constant(values, { dtype: tf.float32, name });

test("operations are named after the operation they belong to", async () => {
  const { values, names } = await run(() => {
    const x = floats([1, 2, 3], "x");
    return { ys: tf.square(x, "sq"), xs: [x] };
  });
  expect(values).toEqual([[2, 4, 6]]);
  expect(names).toEqual([
    "gradients/Shape Const",
    "gradients/grad_ys_0/Const Const",
    "gradients/grad_ys_0 Fill",
    "gradients/sq_grad/mul/y Const",
    "gradients/sq_grad/mul Mul",
    "gradients/sq_grad/mul_1 Mul",
  ]);
});

test("several ways are summed by AddN", async () => {
  const { values, names } = await run(() => {
    const x = floats([1, 2, 3]);
    return { ys: tf.multiply(tf.square(x), tf.negative(x)), xs: [x] };
  });
  // −x³ has the derivative −3x².
  expect(values).toEqual([[-3, -12, -27]]);
  expect(names.filter((name) => name.endsWith(" AddN"))).toEqual(["gradients/AddN AddN"]);
});

test("several ys count together, and with the gradients that arrive at them", async () => {
  const build = (options?: (x: tf.Tensor) => tf.GradientsOptions) => (): Built => {
    const x = floats([1, 2]);
    return { ys: [tf.square(x), tf.multiply(x, 10)], xs: [x], options: options?.(x) };
  };
  expect((await run(build())).values).toEqual([[12, 14]]);
  const weighted = build(() => ({ gradYs: [floats([1, 100]), null] }));
  expect((await run(weighted)).values).toEqual([[12, 410]]);
});

test("broadcast operands get gradients of their own shape", async () => {
  const { values } = await run(
    () => {
      const x = tf.placeholder(tf.float32, [null, 3], "x");
      const w = tf.variable([1, 2, 3], { dtype: tf.float32 });
      const s = tf.variable(2, { dtype: tf.float32 });
      return { ys: tf.multiply(tf.multiply(x, w), s), xs: [x, w, s] };
    },
    {
      "x:0": [
        [1, 2, 3],
        [4, 5, 6],
      ],
    },
  );
  expect(values).toEqual([
    [
      [2, 4, 6],
      [2, 4, 6],
    ],
    [10, 14, 18],
    46,
  ]);
});

test("a variable counts through every read of it", async () => {
  const { values } = await run(() => {
    const w = tf.variable([1, 2], { dtype: tf.float32 });
    return { ys: tf.multiply(w, tf.identity(w.ref)), xs: [w] };
  });
  expect(values).toEqual([[2, 4]]);
});

describe("what stops gradients", () => {
  test("no way gives null, stopGradient and stopGradients cut ways", async () => {
    const { values } = await run(() => {
      const [x, y, z] = [floats([1]), floats([2]), floats([3])];
      const inner = tf.multiply(x, y);
      return { ys: tf.add(tf.multiply(tf.stopGradient(x), x), inner), xs: [x, y, z], options: { stopGradients: [y] } };
    });
    expect(values).toEqual([[3], [1], null]);
  });

  test("an operation that is not here says so with its name", async () => {
    const graph = await tf.importMetaGraph({
      metaInfoDef: { strippedOpList: { op: [{ name: "Betainc", outputArg: [{ name: "y", type: "DT_FLOAT" }] }] } },
      graphDef: {
        node: [
          { name: "x", op: "Placeholder", attr: { dtype: { type: "DT_FLOAT" } } },
          { name: "f", op: "Betainc", input: ["x"] },
          { name: "y", op: "Neg", input: ["f"], attr: { T: { type: "DT_FLOAT" } } },
        ],
      },
    });
    expect(() => tf.gradients(graph.getTensorByName("y:0"), [graph.getTensorByName("x:0")])).toThrow(
      "No gradient is defined for operation 'f' (op type: Betainc): 'Betainc' is not supported; FEATURES.md lists what is.",
    );
  });

  test("integers have no gradient", () => {
    const graph = new tf.Graph();
    graph.asDefault(() => {
      const n = tf.constant(3);
      expect(() => tf.gradients(n, [n])).toThrow(
        "Gradients of 'Const:0' of dtype int32 cannot be taken; float32 is needed.",
      );
    });
  });
});

test("gated gradients wait for each other", async () => {
  const { names } = await run(() => {
    const [x, y] = [floats([1], "x"), floats([2], "y")];
    return { ys: tf.multiply(x, y, "xy"), xs: [x, y], options: { gateGradients: true } };
  });
  expect(names.slice(-3)).toEqual([
    "gradients/xy_grad/tuple/group_deps NoOp",
    "gradients/xy_grad/tuple/control_dependency Identity",
    "gradients/xy_grad/tuple/control_dependency_1 Identity",
  ]);
});

test.each([true, false])("through cond, with the predicate %s", async (taken) => {
  const { values } = await run(
    () => {
      const x = floats([1, 2, 3]);
      const p = tf.placeholder(tf.bool, [], "p");
      const y = tf.cond(
        p,
        () => tf.square(x),
        () => tf.multiply(x, 7),
      );
      return { ys: tf.multiply(y, 2), xs: [x] };
    },
    { "p:0": taken },
  );
  expect(values).toEqual([taken ? [4, 8, 12] : [14, 14, 14]]);
});

test("a gradient has the shape of what it is the gradient of, as far as that is known", () => {
  new tf.Graph().asDefault(() => {
    const x = tf.placeholder(tf.float32, [null, 4, 4, 3], "x");
    const y = tf.nn.maxPool(tf.nn.relu(tf.reshape(x, [-1, 4, 4, 3])), 2, { strides: 2, padding: "SAME" });
    const flat = tf.reshape(y, [-1, 12]);
    const [dx, dy] = tf.gradients(tf.reduceSum(tf.square(flat)), [x, y]);
    expect([dx!.shape, dy!.shape]).toEqual([x.shape, y.shape]);
  });
});

test("a gradient of another shape than its input is told", () => {
  new tf.Graph().asDefault(() => {
    const x = tf.placeholder(tf.float32, [2, 1], "x");
    // TensorFlow's rule gives the broadcast shape back.
    const loss = createOp(SoftmaxCrossEntropyWithLogits, [x, tf.ones([2, 3])], {}, "loss").outputs[0];
    expect(() => tf.gradients(loss, [x])).toThrow(
      "Incompatible shapes between op input and calculated input gradient. Forward operation: loss. Input index: 0. Original input shape: [2,1]. Calculated input gradient shape: [2,3].",
    );
  });
});
