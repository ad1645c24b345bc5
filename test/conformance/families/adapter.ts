/** What an adapter is, and what most of them share: a graph with a placeholder an input, run once. */
import { dtypeFromName } from "../../../src/graph/dtype.ts";
import * as tf from "../../../src/index.ts";
import type { Value } from "../compare.ts";
import type { GoldenCase } from "../goldenCase.ts";

/** Builds a case with the public API, from its attributes and inputs only, and gives its outputs by name. */
export type Adapter = (golden: GoldenCase) => Promise<ReadonlyMap<string, Value>>;

/** The placeholder of an input; throws where the case has none of that name. */
export type Inputs = (name: string) => tf.Tensor;

/** Builds outputs from placeholders in a graph of their own, and runs all of them once. */
export async function evaluate(
  golden: GoldenCase,
  build: (input: Inputs) => { readonly [output: string]: tf.Tensor },
): Promise<ReadonlyMap<string, Value>> {
  const graph = new tf.Graph();
  const feeds = new Map<tf.Tensor, tf.FeedValue>();
  const placeholders = new Map<string, tf.Tensor>();
  const input: Inputs = (name) => {
    const known = placeholders.get(name);
    if (known) return known;
    const tensor = golden.inputs.get(name);
    if (!tensor) throw new Error(`The case has no input '${name}'; it has ${[...golden.inputs.keys()].join(", ")}.`);
    const placeholder = tf.placeholder(dtypeFromName(tensor.dtype), tensor.shape, name);
    placeholders.set(name, placeholder);
    feeds.set(placeholder, tensor);
    return placeholder;
  };
  const outputs = graph.asDefault(() => build(input));
  return withSession(graph, async (session) => new Map(Object.entries(await session.run(outputs, feeds))));
}

let convolution: tf.SessionOptions["convolution"];

/** Sets the option of all sessions from here on. */
export function setConvolution(option: tf.SessionOptions["convolution"]): void {
  convolution = option;
}

/** Runs `body` with a session that is closed afterwards. The doctor is silent: some cases are wrong on purpose. */
export async function withSession<T>(graph: tf.Graph, body: (session: tf.Session) => Promise<T>): Promise<T> {
  const session = await tf.Session.create({ graph, onWarning: () => {}, ...(convolution && { convolution }) });
  try {
    return await body(session);
  } finally {
    session.close();
  }
}
