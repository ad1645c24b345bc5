// Names, scopes, control dependencies, colocation, look-ups: TensorFlow's ops.py.
import { beforeEach, describe, expect, test } from "vitest";
import { attr } from "../../src/graph/attr.ts";
import { onlyOutput } from "../../src/graph/operation.ts";
import * as tf from "../../src/entry/node.ts";
import { expectMistake } from "../helpers/ops.ts";

beforeEach(() => tf.resetDefaultGraph());

const noOp = (name?: string): string => tf.noOp(name).name;

describe("names", () => {
  test("are made unique: x, x_1, x_2", () => {
    const x = tf.constant(1);
    const names = Array.from({ length: 3 }, () => tf.identity(x, "train_op").name);
    expect(names).toEqual(["train_op:0", "train_op_1:0", "train_op_2:0"]);
  });

  test("a scope again is another scope", () => {
    const scoped = (): string => tf.nameScope("a", () => noOp());
    expect([scoped(), scoped()]).toEqual(["a/NoOp", "a_1/NoOp"]);
  });

  test.each<[string, string[], string[]]>([
    ["compared without case, kept with it", ["Conv", "conv", "CONV"], ["Conv", "conv_1", "CONV_2"]],
    ["a name that looks made unique", ["x_1", "x", "x", "x"], ["x_1", "x", "x_2", "x_3"]],
    ["the same, later", ["x", "x", "x_1"], ["x", "x_1", "x_1_1"]],
    ["paths", ["a/b", "a/b", "a"], ["a/b", "a/b_1", "a"]],
    ["letters, digits, and . _ - /", ["0.x_y-z/1"], ["0.x_y-z/1"]],
  ])("%s", (_, asked, got) => {
    expect(asked.map(noOp)).toEqual(got);
  });

  test("operations and scopes share them", () => {
    expect(noOp("a")).toBe("a");
    expect(tf.nameScope("a", () => noOp("x"))).toBe("a_1/x");
    expect(noOp("a_1")).toBe("a_1_1");
  });

  test("scopes nest, and a name with / at its end enters that very scope", () => {
    tf.nameScope("a", (outer) => {
      expect([outer, noOp("x")]).toEqual(["a/", "a/x"]);
      tf.nameScope("b", (inner) => {
        expect([inner, noOp("x")]).toEqual(["a/b/", "a/b/x"]);
        expect(tf.nameScope(outer, (again) => [again, noOp("x")])).toEqual(["a/", "a/x_1"]);
        expect(tf.nameScope("", (top) => [top, noOp("x")])).toEqual(["", "x"]);
      });
      expect(tf.nameScope("_hidden", () => noOp("x"))).toBe("a/_hidden/x");
      expect(tf.getDefaultGraph().currentNameScope).toBe("a");
    });
    expect(tf.getDefaultGraph().currentNameScope).toBe("");
    expect(tf.nameScope("a/", () => noOp("x"))).toBe("a/x_2");
  });

  test("a scope ends when its body throws", () => {
    const fail = (): never => {
      throw new Error("stop");
    };
    expect(() => tf.nameScope("a", () => tf.controlDependencies([tf.noOp()], fail))).toThrow("stop");
    expect(noOp("x")).toBe("x");
    expect(tf.noOp().controlInputs).toEqual([]);
  });

  test("an imported name and its scopes are taken", () => {
    const graph = tf.getDefaultGraph();
    graph.reserveName("A/b");
    expect([noOp("a"), tf.nameScope("a/", () => noOp("b"))]).toEqual(["a_1", "a/b_1"]);
  });

  test.each<[string, () => unknown, string]>([
    ["a space in a node", () => tf.noOp("a b"), "'a b' is not a valid node name"],
    ["a colon in a node", () => tf.identity(1, "a:0"), "'a:0' is not a valid node name"],
    ["_ first", () => tf.noOp("_a"), "'_a' is not a valid node name"],
    ["a scope", () => tf.nameScope("a b", () => noOp()), "'a b' is not a valid scope name"],
    ["a scope that begins with _", () => tf.nameScope("_a", () => noOp()), "'_a' is not a valid scope name"],
    [
      "a scope inside",
      () => tf.nameScope("a", () => tf.nameScope("^b", () => noOp())),
      "'^b' is not a valid scope name",
    ],
  ])("%s", (_, body, message) =>
    expectMistake(body, `InvalidArgumentError: ${message}: use letters, digits, '.', '_', '-', '/'.`),
  );
});

describe("looking up", () => {
  test("operations and tensors by name", () => {
    const x = tf.placeholder(tf.float32, [2], "a/x");
    const graph = tf.getDefaultGraph();
    expect(graph.getOperationByName("a/x")).toBe(x.op);
    expect(graph.getTensorByName("a/x:0")).toBe(x);
    expect(graph.findOperation("x")).toBeUndefined();
    expect([String(x), String(x.op)]).toEqual([`Tensor("a/x:0", dtype=float32)`, "<Operation 'a/x' type=Placeholder>"]);
    expect(onlyOutput(x.op)).toBe(x);
  });

  test.each<[string, (graph: tf.Graph) => unknown, string]>([
    [
      "no such operation",
      (graph) => graph.getOperationByName("y"),
      "NotFoundError: The name 'y' refers to an Operation not in the graph.",
    ],
    [
      "an operation's name for a tensor's",
      (graph) => graph.getTensorByName("x"),
      "InvalidArgumentError: The name 'x' looks like an operation's. A tensor's name is '<operation>:<output>', as in 'x:0'.",
    ],
    [
      "a tensor of no operation",
      (graph) => graph.getTensorByName("y:0"),
      "NotFoundError: The name 'y:0' refers to a Tensor which does not exist. The operation, 'y', does not exist in the graph.",
    ],
    [
      "too high an output",
      (graph) => graph.getTensorByName("x:1"),
      "NotFoundError: The name 'x:1' refers to a Tensor which does not exist. The operation, 'x', has 1 outputs.",
    ],
    [
      "the only output of none",
      () => onlyOutput(tf.noOp("none")),
      "InternalError: 'none' has 0 outputs, one was expected.",
    ],
    [
      "a name twice",
      (graph) => graph.addOperation({ type: "NoOp", name: "x", inputs: [], controlInputs: [], attrs: {}, outputs: [] }),
      "InvalidArgumentError: The graph already has an operation called 'x'.",
    ],
  ])("%s", (_, body, message) => {
    tf.placeholder(tf.float32, [2], "x");
    return expectMistake(() => body(tf.getDefaultGraph()), message);
  });
});

describe("controlDependencies", () => {
  const controls = (op: tf.Operation): string[] => op.controlInputs.map(({ name }) => name);

  test("binds operations made inside, and those only", () => {
    const [a, before] = [tf.noOp("a"), tf.noOp("before")];
    tf.controlDependencies([a], () => expect(controls(tf.noOp())).toEqual(["a"]));
    expect([controls(before), controls(tf.noOp())]).toEqual([[], []]);
  });

  test("tensors stand for their operations, each once", () => {
    const x = tf.placeholder(tf.float32, [], "x");
    tf.controlDependencies([x, x.op, x], () => expect(controls(tf.noOp())).toEqual(["x"]));
  });

  test("nests, and null leaves all of them", () => {
    const [a, b] = [tf.noOp("a"), tf.noOp("b")];
    tf.controlDependencies([a], () =>
      tf.controlDependencies([b], () => {
        expect(controls(tf.noOp())).toEqual(["a", "b"]);
        tf.controlDependencies(null, () => {
          expect(controls(tf.noOp())).toEqual([]);
          tf.controlDependencies([b], () => expect(controls(tf.noOp())).toEqual(["b"]));
        });
        tf.controlDependencies([], () => expect(controls(tf.noOp())).toEqual(["a", "b"]));
      }),
    );
  });

  test("no edge where a data input implies it", () => {
    const x = tf.placeholder(tf.float32, [], "x");
    tf.controlDependencies([x], () => {
      const direct = tf.identity(x);
      expect(controls(direct.op), "it reads x").toEqual([]);
      const other = tf.constant(1.5);
      expect(controls(other.op)).toEqual(["x"]);
      expect(controls(tf.add(other, 1).op), "it reads what was made inside").toEqual([]);
    });
  });

  test("builds in the graph of what it depends on", () => {
    const graph = new tf.Graph();
    const there = graph.asDefault(() => tf.noOp("there"));
    const made = tf.controlDependencies([there], () => tf.noOp());
    expect(made.graph).toBe(graph);
  });

  test("refuses others", async () => {
    const other = new tf.Graph().asDefault(() => tf.constant(1));
    await expectMistake(
      () => tf.controlDependencies([tf.noOp("here"), other], () => tf.noOp()),
      "InvalidArgumentError: Control input <Operation 'Const' type=Const> is not an element of this graph.",
    );
    await expectMistake(
      () => tf.controlDependencies([5 as unknown as tf.Tensor], () => tf.noOp()),
      "InvalidArgumentError: Control input 5 is not an element of this graph.",
    );
  });
});

describe("colocation and attributes", () => {
  const groups = (op: tf.Operation): string[] => op.colocationGroups;

  test("_class names where an operation is placed", () => {
    const graph = tf.getDefaultGraph();
    const [a, b] = [tf.noOp("a"), tf.noOp("b")];
    expect([groups(a), a.hasAttr("_class")]).toEqual([["loc:@a"], false]);
    graph.colocateWith(b, () => {
      expect(groups(tf.noOp())).toEqual(["loc:@b"]);
      graph.colocateWith(a, () => {
        const inside = tf.noOp("inside");
        expect(groups(inside)).toEqual(["loc:@a", "loc:@b"]);
        graph.colocateWith(inside, () => expect(groups(tf.noOp())).toEqual(["loc:@a", "loc:@b"]));
      });
      graph.colocateWith(a, () => expect(groups(tf.noOp())).toEqual(["loc:@a"]), { ignoreExisting: true });
    });
  });

  test("what takes a reference is placed with the variable", () => {
    const v = tf.variable(1.5, { name: "v" });
    expect([tf.assignAdd(v, 1).op, v.value().op, v.initializer].map(groups)).toEqual([
      ["loc:@v"],
      ["loc:@v"],
      ["loc:@v"],
    ]);
    expect(groups(tf.add(v, 1).op)).toEqual(["loc:@add"]);
  });

  test("attrScope adds attributes", () => {
    const graph = tf.getDefaultGraph();
    const op = graph.attrScope({ _a: attr.int(1), _b: attr.int(1) }, () =>
      graph.attrScope({ _b: attr.int(2) }, () => tf.noOp()),
    );
    expect([op.int("_a"), op.int("_b"), tf.noOp().hasAttr("_a")]).toEqual([1, 2, false]);
  });

  test("reading attributes: defaults, wrong kinds", async () => {
    const op = tf.getDefaultGraph().attrScope({ n: attr.int(3), list: attr.ints([1, 2]) }, () => tf.noOp("op"));
    expect([op.int("n"), op.ints("list"), op.int("m", 7), op.ints("m"), op.bool("m", true)]).toEqual([
      3,
      [1, 2],
      7,
      [],
      true,
    ]);
    const message = (name: string, kind: string): string =>
      `InvalidArgumentError: 'op' (op: 'NoOp') needs an attribute '${name}' of kind ${kind}.`;
    await expectMistake(() => op.int("m"), message("m", "i"));
    await expectMistake(() => op.string("n"), message("n", "s"));
    await expectMistake(() => op.ints("n"), message("n", "list(int)"));
  });
});

describe("several graphs", () => {
  test("asDefault builds elsewhere and gives the body's result", () => {
    const outside = tf.getDefaultGraph();
    const graph = new tf.Graph();
    const made = graph.asDefault((given) => {
      expect([given, tf.getDefaultGraph()]).toEqual([graph, graph]);
      return new tf.Graph().asDefault(() => tf.noOp()).graph === graph ? null : tf.noOp();
    });
    expect(made?.graph).toBe(graph);
    expect(tf.getDefaultGraph()).toBe(outside);
    expect(() => graph.asDefault(() => (undefined as unknown as () => void)())).toThrow(TypeError);
    expect(tf.getDefaultGraph()).toBe(outside);
  });

  test("an operation is made in the graph of its inputs", () => {
    const graph = new tf.Graph();
    const x = graph.asDefault(() => tf.placeholder(tf.float32, [2]));
    expect([tf.identity(x), tf.add(1, x), tf.reduceSum(x), tf.reshape(x, [2])].map((y) => y.graph === graph)).toEqual([
      true,
      true,
      true,
      true,
    ]);
  });

  test("tensors of two graphs do not meet", async () => {
    const [x, y] = ["x", "y"].map((name) => new tf.Graph().asDefault(() => tf.placeholder(tf.float32, [2], name)));
    await expectMistake(
      () => tf.add(x, y),
      "InvalidArgumentError: Tensor of 'y' must be from the same graph as 'add'.",
    );
    const session = await tf.Session.create({ graph: x.graph });
    await expectMistake(
      () => session.run(y),
      "InvalidArgumentError: Fetch argument 'y:0' cannot be interpreted as a Tensor. (It is not an element of this session's graph.)",
    );
  });

  test("resetDefaultGraph begins an empty one", () => {
    tf.noOp("x");
    tf.resetDefaultGraph();
    expect(tf.getDefaultGraph().operations).toEqual([]);
    expect(noOp("x")).toBe("x");
  });
});
