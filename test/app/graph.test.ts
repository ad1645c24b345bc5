// The tutorial's graphs as pictures: nine nodes, and what was forgotten.
import { beforeAll, describe, expect, test } from "vitest";
import { layOut } from "../../app/graph/layout.ts";
import { open } from "../../app/graph/open.ts";
import { missingEdges, reduce, type GraphJson, type ReducedGraph } from "../../app/graph/reduce.ts";
import { nameOf, othersName, sizesOf } from "../../app/graph/text.ts";
import { exportMetaGraphJson } from "../../src/index.ts";
import { buildExample } from "../../worker/examples/index.ts";

let json: { readonly [name in "tutorial" | "tutorial-forgotten"]: GraphJson };
let whole: ReducedGraph;
let forgotten: ReducedGraph;

beforeAll(async () => {
  const of = async (name: keyof typeof json): Promise<GraphJson> =>
    (await exportMetaGraphJson(buildExample(name))) as unknown as GraphJson;
  json = { tutorial: await of("tutorial"), "tutorial-forgotten": await of("tutorial-forgotten") };
  whole = reduce(json.tutorial);
  forgotten = reduce(json["tutorial-forgotten"]);
});

test("nine nodes stand for all", () => {
  expect(whole.nodes.map(({ kind, name }) => `${kind} ${name}`).toSorted()).toEqual([
    "fetch train_op",
    "input input_node",
    "input training",
    "scope bn/cond",
    "scope conv_1",
    "update bn/AssignMovingAvg",
    "update bn/AssignMovingAvg_1",
    "variable bn/moving_mean",
    "variable bn/moving_variance",
  ]);
  expect(whole.nodes.find(({ name }) => name === "training")?.byDefault).toBe("true");
  expect(whole.nodes.every(({ runs }) => runs)).toBe(true);
});

test("edges are tensors, writes and control edges", () => {
  expect(whole.edges.filter(({ kind }) => kind !== "tensor")).toEqual([
    { from: "bn/AssignMovingAvg", to: "bn/moving_mean", kind: "write" },
    { from: "bn/AssignMovingAvg_1", to: "bn/moving_variance", kind: "write" },
    { from: "bn/AssignMovingAvg", to: "train_op", kind: "control" },
    { from: "bn/AssignMovingAvg_1", to: "train_op", kind: "control" },
  ]);
  expect(whole.edges).toHaveLength(12);
});

test("without the update ops the control edges are missing, and the updates never run", () => {
  expect(missingEdges(whole, forgotten)).toEqual([
    { from: "bn/AssignMovingAvg", to: "train_op", kind: "control" },
    { from: "bn/AssignMovingAvg_1", to: "train_op", kind: "control" },
  ]);
  expect(forgotten.nodes.filter(({ runs }) => !runs).map(({ name }) => name)).toEqual([
    "bn/AssignMovingAvg",
    "bn/AssignMovingAvg_1",
  ]);
});

test("the layout overlaps nothing, and data enters at the left", () => {
  const sizes = sizesOf(whole, "regular", (text) => text.length * 7.1);
  const { nodes, edges, width, height } = layOut(whole, sizes);
  const boxes = Object.values(nodes);
  for (const [i, a] of boxes.entries())
    for (const b of boxes.slice(i + 1))
      expect(a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y).toBe(true);
  expect(nodes["input_node"].x + nodes["input_node"].width / 2).toBeLessThan(width / 2);
  expect(height).toBeLessThanOrEqual(446);
  expect(Object.keys(edges)).toHaveLength(12);
});

describe("all nodes", () => {
  const operationsOf = ({ nodes }: ReducedGraph): string[] => nodes.flatMap(({ operations }) => operations);
  const paths = [[], ["conv_1"], ["bn/cond"], ["bn/moving_mean"], ["bn/AssignMovingAvg"], ["training"], [othersName]];

  test.each(paths.map((path) => [path.join() || "nothing", path] as const))("open: %s", (_, path) => {
    const picture = open(json.tutorial, path);
    expect(operationsOf(picture).toSorted()).toEqual(json.tutorial.graphDef.node.map(({ name }) => name).toSorted());
    expect(picture.nodes.length).toBeLessThanOrEqual(60);
    const [opened] = path;
    const inside =
      opened === undefined ? [] : open(json.tutorial, []).nodes.find(({ name }) => name === opened)!.operations;
    for (const name of inside) expect(picture.nodes.find((node) => node.name === name)?.operations).toEqual([name]);
    // Both pictures have the positions of the one with the update ops.
    const without = open(json["tutorial-forgotten"], path);
    const { nodes, edges } = layOut(
      picture,
      sizesOf(picture, "compact", (text) => text.length * 7.1),
    );
    expect(without.nodes.map(({ name }) => name).toSorted()).toEqual(Object.keys(nodes).toSorted());
    for (const { from, to } of without.edges) expect(edges).toHaveProperty([`${from}>${to}`]);
    expect(missingEdges(picture, without).map(({ to }) => to)).toEqual(["train_op", "train_op"]);
  });

  test("an operation inside keeps its type, its edges, and whether it runs", () => {
    const { nodes, edges } = open(json.tutorial, ["conv_1"]);
    expect(nodes.find(({ name }) => name === "conv_1/kernel")).toMatchObject({ type: "VariableV2", runs: true });
    expect(nodes.find(({ name }) => name === "conv_1/kernel/Assign")).toMatchObject({ type: "Assign", runs: false });
    expect(edges).toContainEqual({ from: "conv_1/kernel/read", to: "conv_1/Conv2D", kind: "tensor" });
    expect(edges).toContainEqual({ from: "input_node", to: "conv_1/Conv2D", kind: "tensor" });
  });

  /** `blocks` scopes of `layers` scopes of `each` operations in a chain, behind one scope. */
  function deep(blocks: number, layers: number, each: number): GraphJson {
    const names = Array.from({ length: blocks * layers * each }, (_, i) => {
      const layer = Math.floor(i / each);
      return `net/block${Math.floor(layer / layers)}/layer${layer}/op${i}`;
    });
    const node = [...names, "train_op"].map((name, i) => ({ name, op: "Relu", input: i > 0 ? [names[i - 1]] : [] }));
    return { graphDef: { node } };
  }

  test("scopes where all operations would be too many, and one level at a time", () => {
    const graph = deep(10, 5, 20);
    const sizes = (...path: string[]): Map<string, number> => {
      const picture = open(graph, path);
      expect(operationsOf(picture)).toHaveLength(1001);
      expect(picture.nodes.length).toBeLessThanOrEqual(60);
      return new Map(picture.nodes.map(({ name, operations }) => [name, operations.length]));
    };
    expect(sizes()).toEqual(new Map(Object.entries({ net: 1000, train_op: 1 })));
    expect(sizes("net").get("net/block3/layer17")).toBe(20);
    const inner = sizes("net", "net/block3/layer17");
    expect(inner.get("net")).toBe(980);
    expect(inner.get("net/block3/layer17/op340")).toBe(1);
    expect(inner.size).toBe(22);
  });

  test("a scope of hundreds of operations without scopes opens in parts", () => {
    const graph = deep(1, 1, 300);
    const { nodes } = open(graph, ["net"]);
    expect(nodes.length).toBeLessThanOrEqual(60);
    const part = nodes.find(({ operations }) => operations.length > 1)!;
    expect(part.name).toBe("net/block0/layer0/op0 and what follows");
    expect(open(graph, ["net", part.name]).nodes.filter(({ name }) => /op\d+$/.test(name))).toHaveLength(
      part.operations.length,
    );
  });
});

test("names break where words do", () => {
  const node = whole.nodes.find(({ name }) => name === "bn/AssignMovingAvg_1")!;
  expect(nameOf(node, "compact").lines).toEqual(["Assign", "MovingAvg_1"]);
  expect(nameOf(node, "regular")).toEqual({ prefix: "bn/", lines: ["AssignMovingAvg_1"] });
});
