/** The built-in graphs, so that a service can be tried without exporting one first. */
import * as tf from "../../src/index.ts";
import type { ExampleName } from "../api.ts";
import { mnist } from "./mnist.ts";
import { tutorial } from "./tutorial.ts";

const examples: { readonly [Name in ExampleName]: () => void } = {
  tutorial: () => tutorial({ updates: true }),
  "tutorial-forgotten": () => tutorial({ updates: false }),
  mnist: () => mnist({ updates: true }),
  "mnist-forgotten": () => mnist({ updates: false }),
};

export function buildExample(name: ExampleName): tf.Graph {
  if (!Object.hasOwn(examples, name)) {
    const names = Object.keys(examples);
    throw new tf.errors.InvalidArgumentError(`There is no example '${name}'. Known: ${names.join(", ")}.`);
  }
  const graph = new tf.Graph();
  graph.asDefault(examples[name]);
  return graph;
}
