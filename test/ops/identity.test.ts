// Identity, StopGradient, NoOp and group.
import { describe, expect, test } from "vitest";
import { attr, type Attrs } from "../../src/graph/attr.ts";
import { createOp } from "../../src/ops/build.ts";
import {
  ControlTrigger,
  EnsureShape,
  GuaranteeConst,
  Identity,
  IdentityN,
  NoOp,
  Print,
  PrintV2,
  RefIdentity,
  Snapshot,
  StopGradient,
  StringFormat,
} from "../../src/ops/identity.ts";
import * as tf from "../../src/entry/node.ts";
import { checkGradient } from "../helpers/gradientCheck.ts";
import { evaluate, expectMistake, expectShapes, sizes, values } from "../helpers/ops.ts";

test("shapes", () => {
  for (const definition of [Identity, StopGradient])
    expectShapes(definition, [
      ["[?,2]", "[?,2]"],
      ["?", "?"],
    ]);
  expectShapes(NoOp, [["", ""]]);
});

test.each([
  ["Identity", tf.identity],
  ["StopGradient", tf.stopGradient],
] as const)("%s passes its input on without a step", async (type, op) => {
  for (const n of sizes) {
    const x = values([n]);
    const { results } = await evaluate((input) => [op(input(x)), op(op(tf.negative(input(x))))]);
    expect(results[0].data).toEqual(x.data);
    expect(results[1].data).toEqual(x.data.map((item) => -item));
  }
  const graph = new tf.Graph();
  const tensor = graph.asDefault(() => op(tf.constant([1, 2])));
  expect([tensor.op.type, tensor.name, tensor.dtype]).toEqual([type, `${type}:0`, tf.int32]);
  const session = await tf.Session.create({ graph });
  expect(session.plan(tensor).parts.steps).toEqual([]);
});

test("an identity of a variable is no reference", () => {
  new tf.Graph().asDefault(() => {
    const v = tf.variable(1);
    expect(v.ref.dtype).toBe(tf.int32.ref);
    expect(tf.identity(v).dtype).toBe(tf.int32);
  });
});

test("PreventGradient passes a value on, and no gradient", async () => {
  const node = (name: string, op: string, more: object): object => ({ name, op, ...more });
  const graph = await tf.importMetaGraph({
    graphDef: {
      node: [
        node("x", "Placeholder", { attr: { dtype: { type: "DT_FLOAT" }, shape: { shape: { dim: [{ size: "2" }] } } } }),
        node("y", "PreventGradient", {
          input: ["x"],
          attr: { T: { type: "DT_FLOAT" }, message: { s: "bm90IHR3aWNl" } },
        }),
      ],
    },
  });
  const session = await tf.Session.create({ graph });
  expect((await session.run("y:0", { "x:0": [1, 2] })).toNested()).toEqual([1, 2]);
  await expectMistake(
    () => tf.gradients(graph.getTensorByName("y:0"), [graph.getTensorByName("x:0")]),
    "NotFoundError: Gradient explicitly disabled at 'y' (op: 'PreventGradient'). Reason: not twice.",
  );
});

describe("group and noOp", () => {
  test("run what they depend on and give undefined", async () => {
    const graph = new tf.Graph();
    const { a, b, all, init } = graph.asDefault(() => {
      const a = tf.variable(1);
      const b = tf.variable(1);
      const all = tf.group([tf.assignAdd(a, 1).op, tf.assignAdd(b, 2), a]);
      return { a, b, all, init: tf.globalVariablesInitializer() };
    });
    expect([all.name, all.type]).toEqual(["group_deps", "NoOp"]);
    expect(all.controlInputs.map(({ name }) => name)).toEqual(["AssignAdd", "AssignAdd_1", "Variable/read"]);
    const session = await tf.Session.create({ graph });
    expect(await session.run(init)).toBeUndefined();
    expect(await session.run(all)).toBeUndefined();
    expect((await session.run([a, b])).map((value) => value.item())).toEqual([2, 3]);
  });

  test("of nothing, and with names", async () => {
    const graph = new tf.Graph();
    const ops = graph.asDefault(() => [tf.group([]), tf.noOp(), tf.noOp(), tf.noOp("nothing")]);
    expect(ops.map((op) => op.name)).toEqual(["group_deps", "NoOp", "NoOp_1", "nothing"]);
    const session = await tf.Session.create({ graph });
    expect(await session.run(ops)).toEqual([undefined, undefined, undefined, undefined]);
  });

  test("of another graph's operations are refused", () => {
    const other = new tf.Graph().asDefault(() => tf.noOp("there"));
    const here = new tf.Graph().asDefault(() => tf.noOp("here"));
    return expectMistake(
      () => tf.group([here, other]),
      "InvalidArgumentError: Control input <Operation 'there' type=NoOp> is not an element of this graph.",
    );
  });
});

describe("the relatives of Identity", () => {
  const single = [RefIdentity, Snapshot, GuaranteeConst, Print, EnsureShape];

  test("shapes", () => {
    for (const definition of single.slice(0, 4)) expectShapes(definition, [["[?,2]", "[?,2]"]]);
    expectShapes(IdentityN, [["[2];?;[3,?]", "[2];?;[3,?]"]]);
    const attrs = { shape: attr.shape([null, 3]) };
    expectShapes(
      EnsureShape,
      [
        ["[2,?]", "[2,3]"],
        ["?", "[?,3]"],
        ["[2,4]", "Shape of the tensor [2,4] is not compatible with expected shape [?,3]"],
        ["[2]", "Shape of the tensor [2] is not compatible with expected shape [?,3]"],
      ],
      { attrs },
    );
    expectShapes(ControlTrigger, [["", ""]]);
  });

  test("IdentityN passes each of its inputs on without a step, and each gradient", async () => {
    const inputs = [values([3]), values([2, 5]), values([1])];
    const { results, arenaBytes } = await evaluate((input) => {
      const tensors = inputs.map(input);
      const outputs = createOp(IdentityN, tensors, {}, "IdentityN").outputs;
      const [dx, , dz] = tf.gradients([outputs[0], tf.multiply(outputs[2], 3)], tensors);
      return [...outputs, dx!, dz!];
    });
    expect(results.slice(0, 3).map(({ data }) => data)).toEqual(inputs.map(({ data }) => data));
    expect(results.slice(3).map(({ data }) => Array.from(data, Number))).toEqual([[1, 1, 1], [3]]);
    expect(Math.max(...arenaBytes)).toBeGreaterThan(0);
  });

  test.each(single.filter((definition) => definition !== RefIdentity))(
    "$type passes its input on",
    async (definition) => {
      const x = values([2, 3]);
      const { results } = await evaluate((input) => {
        const tensor = input(x);
        const attrs: Attrs = definition === EnsureShape ? { shape: attr.shape([2, null]) } : {};
        const inputs = definition === Print ? [tensor, tf.constant(1)] : [tensor];
        const [y] = createOp(definition, inputs, attrs, "y").outputs;
        return [y];
      });
      expect(results[0].data).toEqual(x.data);
    },
  );

  test("a shape that only the feed tells is checked before the run", async () => {
    const graph = new tf.Graph();
    const y = graph.asDefault(() => {
      const x = tf.placeholder(tf.float32, null, "x");
      return createOp(EnsureShape, [x], { shape: attr.shape([null, 3]) }, "ensured").outputs[0];
    });
    const session = await tf.Session.create({ graph });
    expect((await session.run(y, { "x:0": [[1, 2, 3]] })).shape).toEqual([1, 3]);
    await expectMistake(
      () => session.run(y, { "x:0": [[1, 2]] }),
      "InvalidArgumentError: Shape of the tensor [1,2] is not compatible with expected shape [?,3] for 'ensured' (op: 'EnsureShape') with input shapes: [1,2].",
    );
    session.close();
  });

  test("RefIdentity is still the variable", async () => {
    const graph = new tf.Graph();
    const [update, v] = graph.asDefault(() => {
      const variable = tf.variable([1, 2], { dtype: tf.float32, name: "v" });
      const [ref] = createOp(RefIdentity, [variable.ref], {}, "passed").outputs;
      return [tf.assignAdd(ref, [1, 1]), variable];
    });
    const session = await tf.Session.create({ graph });
    await session.run(graph.asDefault(() => tf.globalVariablesInitializer()));
    await session.run(update);
    expect((await session.run(v)).toNested()).toEqual([2, 3]);
    session.close();
  });
});

test.each([
  ["Identity", Identity],
  ["IdentityN", IdentityN],
  ["Snapshot", Snapshot],
  ["Print", Print],
  ["EnsureShape", EnsureShape],
] as const)("%s: gradient", (_, definition) =>
  checkGradient(
    ([x]) => {
      const attrs: Attrs = definition === EnsureShape ? { shape: attr.shape([5]) } : {};
      return tf.square(createOp(definition, [tf.square(x)], attrs, "passed").outputs[0]);
    },
    [values([5])],
    ([x]) => x.map((value) => value ** 4),
  ),
);

test("RefIdentity: gradient", () =>
  checkGradient(
    ([x]) => {
      const v = tf.variable([1, 2, 3], { dtype: tf.float32 });
      const y = tf.square(tf.identity(createOp(RefIdentity, [v.ref], {}, "passed").outputs[0]));
      return tf.multiply(x, tf.gradients(y, [v])[0]!);
    },
    [values([3])],
    ([x]) => x.map((value, i) => value * 2 * (i + 1)),
  ));

test("PrintV2 prints nothing and holds nothing up", async () => {
  const graph = new tf.Graph();
  const y = graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [2], "x");
    const [text] = createOp(StringFormat, [tf.square(x)], {}, "text").outputs;
    const printed = createOp(PrintV2, [text], {}, "printed");
    return tf.controlDependencies([printed], () => tf.negative(x));
  });
  const session = await tf.Session.create({ graph });
  expect((await session.run(y, { "x:0": [1, 2] })).toNested()).toEqual([-1, -2]);
  await expectMistake(
    () => session.run("text:0", { "x:0": [1, 2] }),
    "InvalidArgumentError: 'text:0' (op: 'StringFormat') has the dtype string, which is not computed here.",
  );
  session.close();
});
