// The tutorial's graphs as pictures: nine nodes, and what was forgotten.
import { beforeAll, expect, test } from "vitest";
import { layOut } from "../../app/graph/layout.ts";
import { missingEdges, reduce, type GraphJson, type ReducedGraph } from "../../app/graph/reduce.ts";
import { nameOf, sizesOf } from "../../app/graph/text.ts";
import { exportMetaGraphJson } from "../../src/index.ts";
import { buildExample } from "../../worker/examples.ts";

let whole: ReducedGraph;
let forgotten: ReducedGraph;

beforeAll(async () => {
  const json = async (name: "tutorial" | "tutorial-forgotten"): Promise<GraphJson> =>
    (await exportMetaGraphJson(buildExample(name))) as unknown as GraphJson;
  whole = reduce(await json("tutorial"));
  forgotten = reduce(await json("tutorial-forgotten"));
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

test("names break where words do", () => {
  const node = whole.nodes.find(({ name }) => name === "bn/AssignMovingAvg_1")!;
  expect(nameOf(node, "compact").lines).toEqual(["Assign", "MovingAvg_1"]);
  expect(nameOf(node, "regular")).toEqual({ prefix: "bn/", lines: ["AssignMovingAvg_1"] });
});
