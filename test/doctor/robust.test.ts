/** Graphs that are cut, tied wrongly or of other types do not break the doctor: a sentence at most. */
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { programs } from "./programs.ts";

interface Node {
  name: string;
  op: string;
  input?: string[];
}

function random(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

const small = programs.filter(({ name }) => /lenet_resource|perceptron|by hand|two towers|nested/.test(name));

test.each(small)("$name, with nodes changed at random", async (program) => {
  const json = JSON.stringify(await tf.exportMetaGraphJson(await program.build()));
  let looked = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const below = random(seed);
    const copy = JSON.parse(json) as { graphDef: { node: Node[] } };
    const { node: nodes } = copy.graphDef;
    for (let i = 0; i <= below(3); i++) {
      const node = nodes[below(nodes.length)];
      const other = nodes[below(nodes.length)];
      const kind = below(5);
      if (kind === 0) node.op = other.op;
      else if (kind === 1) node.input?.pop();
      else if (kind === 2 && node.input?.length) node.input[below(node.input.length)] = other.name;
      else node.op = "SomethingElse";
      if (kind === 3) node.input = node.input?.slice(1);
      if (node.input === undefined) delete node.input;
    }
    let failure: unknown = null;
    try {
      const graph = await tf.importMetaGraph(copy, { partial: true });
      looked++;
      tf.doctor(graph);
      tf.doctor(graph, { fetches: program.train, feeds: program.feeds(4), steps: 10 });
    } catch (error) {
      failure = error instanceof tf.errors.TrainletError ? null : error;
    }
    expect(failure, `seed ${seed}: ${(failure as Error | null)?.stack}`).toBeNull();
  }
  expect(looked).toBeGreaterThan(10);
});
