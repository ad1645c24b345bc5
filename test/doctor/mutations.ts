/** One way to break a correct program for each trap. A mutation is chosen by a seed, made in a copy of the program, and looked at
 * (or, where the trap is in what a session does, run). */
import * as tf from "../../src/entry/node.ts";
import { batchNormLayers, constantOf, type BatchNormLayer } from "../../src/graph/batchNormLayers.ts";
import { GraphKeys } from "../../src/graph/collections.ts";
import { biasOf } from "../../src/doctor/rules/BN013.ts";
import { reached, structureOf, variableBehind, type Inference, type Structure } from "../../src/doctor/structure.ts";
import { variableType } from "../../src/graph/variableOps.ts";
import { renamed, type Program } from "./programs.ts";

export interface Mutation {
  readonly id: string;
  readonly what: string;
  /** What the doctor finds in the mutant; null where the program has nothing to break in this way. */
  run(context: Context): Promise<readonly tf.Finding[] | null> | readonly tf.Finding[] | null;
}

export class Context {
  readonly program: Program;
  readonly #json: string;
  readonly #rename: boolean;
  #state: number;

  constructor(program: Program, json: string, seed: number, rename = false) {
    this.#rename = rename;
    this.program = program;
    this.#json = json;
    this.#state = seed * 0x9e3779b9;
    for (let i = 0; i < 8; i++) this.below(2);
  }

  /** A whole number below n (xorshift). */
  below(n: number): number {
    let x = this.#state | 1;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % n;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }

  /** Some of them, at least one and, if there are more than `spared`, not all. */
  some<T>(items: readonly T[], spared = 0): T[] {
    const mixed = [...items];
    for (let i = mixed.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [mixed[i], mixed[j]] = [mixed[j], mixed[i]];
    }
    return mixed.slice(0, 1 + this.below(Math.max(1, mixed.length - spared)));
  }

  /** The program's graph, its nodes changed by `change`. */
  async graph(change: (nodes: Node[]) => Node[] = (nodes) => nodes): Promise<tf.Graph> {
    const json = JSON.parse(this.#json) as { graphDef: { node: Node[] } };
    json.graphDef.node = change(json.graphDef.node);
    return tf.importMetaGraph(json, { partial: true });
  }

  /** What the doctor says of a training step, or of the run that `options` ask for; under other names where that is wanted. */
  async look(graph: tf.Graph, options: tf.DoctorOptions = {}): Promise<tf.Finding[]> {
    const { program } = this;
    const { fetches, feeds, ...rest } = { fetches: program.train, feeds: program.feeds(program.batch), ...options };
    if (!this.#rename) return tf.doctor(graph, { fetches, feeds, ...rest });
    const other = await renamed(graph);
    return tf.doctor(other.graph, {
      ...rest,
      fetches: [fetches]
        .flat()
        .map((fetch) => other.nameOf(typeof fetch === "string" ? fetch : (fetch as tf.Tensor).name)),
      feeds: Object.fromEntries(Object.entries(feeds).map(([name, value]) => [other.nameOf(name), value])),
    });
  }

  get feeds(): { readonly [name: string]: tf.FeedValue } {
    return this.program.feeds(this.program.batch);
  }

  get inference(): { readonly [name: string]: tf.FeedValue } {
    return { ...this.feeds, ...(this.program.training && { [this.program.training]: false }) };
  }
}

interface Node {
  name: string;
  op: string;
  input?: string[];
}

const isOf =
  (names: ReadonlySet<string>) =>
  (input: string): boolean =>
    names.has(input.replace(/^\^/, "").replace(/:\d+$/, ""));

/** Operations in UPDATE_OPS, which training steps depend on. */
function handles(graph: tf.Graph): tf.Operation[] {
  return graph
    .getCollection<tf.Operation | tf.Tensor>(GraphKeys.UPDATE_OPS)
    .map((item) => (item instanceof tf.Tensor ? item.op : item));
}

/** No training step depends on these any more. */
async function without(context: Context, chosen: readonly tf.Operation[]): Promise<tf.Finding[]> {
  const dropped = isOf(new Set(chosen.map(({ name }) => name)));
  return context.look(
    await context.graph((nodes) => {
      for (const node of nodes) {
        if (node.input) node.input = node.input.filter((input) => !(input.startsWith("^") && dropped(input)));
      }
      return nodes;
    }),
  );
}

/** Other constants wherever a layer's momentum, or 1 − momentum, is written. */
function setMomentum(layer: BatchNormLayer, momentum: number): void {
  const before = layer.momentum!;
  const changed = new Set<tf.Operation>();
  for (const { mean, variance } of layer.applications) {
    for (const { update } of [mean, variance]) {
      const near = reached([update], ({ type, inputs }) =>
        /^Assign|^(Mul|Add|AddV2|Sub|Merge|Switch|Identity)$/.test(type) ? inputs.map((input) => input.op) : [],
      );
      for (const op of near) {
        const value = op.outputs[0] && constantOf(op.outputs[0]);
        if (value === null || value === undefined || changed.has(op)) continue;
        changed.add(op);
        const now =
          Math.abs(value - before) < 1e-6 ? momentum : Math.abs(value - (1 - before)) < 1e-6 ? 1 - momentum : null;
        if (now !== null) op.setAttr("value", { tensor: { dtype: tf.float32, shape: [], data: Float32Array.of(now) } });
      }
    }
  }
}

async function withMomentum(context: Context, momentum: number): Promise<tf.Finding[]> {
  const graph = await context.graph();
  for (const layer of context.some(batchNormLayers(graph))) setMomentum(layer, momentum);
  return context.look(graph, { steps: 2000 });
}

/** Samples a channel that one row of the batch gives each layer. */
function samplesOfRow({ layers }: Structure, fusedOnly: boolean): number[] {
  return layers
    .filter(({ unbiased }) => unbiased || !fusedOnly)
    .flatMap(({ applications: [{ source }] }) => {
      const shape = source.inputs[0].shape;
      return shape && shape.slice(1).every((size) => size !== null) && shape[0] === null
        ? [shape.slice(1, -1).reduce<number>((product, size) => product * size!, 1)]
        : [];
    });
}

async function withBatch(
  context: Context,
  fusedOnly: boolean,
  low: number,
  high: number,
): Promise<tf.Finding[] | null> {
  const graph = await context.graph();
  const rows = samplesOfRow(structureOf(graph), fusedOnly);
  // Two towers share a batch.
  const towers = Math.max(...structureOf(graph).layers.map(({ applications }) => applications.length));
  const sizes = Array.from({ length: high }, (_, i) => i + 1).filter((n) =>
    rows.some((row) => n * row >= low && n * row <= high),
  );
  if (sizes.length === 0 || towers > 1) return null;
  return context.look(graph, { feeds: context.program.feeds(context.pick(sizes)) });
}

const isRef = (variable: tf.Operation): boolean => variable.type !== "VarHandleOp";

const readOf = (variable: tf.Operation): tf.Tensor => tf.identity(variable.outputs[0]);

/** Two inference layers of as many channels, by reference. */
function twins({ inferences }: Structure, context: Context): [Inference, Inference] | null {
  const channels = ({ mean }: Inference): string => String(variableType(mean).shape);
  const pairs = inferences.flatMap((a, i) =>
    inferences
      .slice(i + 1)
      .filter((b) => b.mean !== a.mean && channels(a) === channels(b) && isRef(a.mean))
      .map((b): [Inference, Inference] => [a, b]),
  );
  return pairs.length > 0 ? context.pick(pairs) : null;
}

/** Trainable variables in front of some inference, and a session that has trained. */
async function trained(
  context: Context,
  graph: tf.Graph,
): Promise<{ session: tf.Session; warnings: tf.Finding[]; weights: tf.Operation[] } | null> {
  const { program } = context;
  const { inferences, trainable, above } = withAbove(structureOf(graph));
  const weights = [...new Set(inferences.flatMap(({ op }) => [...above(op)].filter((at) => trainable.has(at))))];
  if (weights.length === 0 || program.evaluate.length === 0) return null;
  const warnings: tf.Finding[] = [];
  const session = await tf.Session.create({ graph, onWarning: (found) => warnings.push(found) });
  await session.run(program.init);
  await session.run(program.train, context.feeds, { repeat: 2 });
  await session.run(program.evaluate, context.inference);
  return { session, warnings, weights };
}

const withAbove = (
  structure: Structure,
): { inferences: readonly Inference[]; trainable: ReadonlySet<tf.Operation>; above: Structure["above"] } => ({
  inferences: structure.inferences,
  trainable: structure.trainable,
  above: (op) => structure.above(op),
});

export const mutations: readonly Mutation[] = [
  {
    id: "BN001",
    what: "the control dependencies on all update ops dropped",
    run: async (context) => without(context, handles(await context.graph())),
  },
  {
    id: "BN002",
    what: "those on some update ops dropped, or on one tower's",
    async run(context) {
      const graph = await context.graph();
      const { layers } = structureOf(graph);
      const towers = layers[0].applications.length;
      if (towers > 1 && context.below(2) === 0) {
        const tower = context.below(towers);
        return without(
          context,
          layers.flatMap(({ applications }) => [applications[tower].mean.update, applications[tower].variance.update]),
        );
      }
      return without(context, context.some(handles(graph), 1));
    },
  },
  {
    id: "BN003",
    what: "training fed False in a step, or not fed in an evaluation",
    async run(context) {
      const { training, evaluate } = context.program;
      const graph = await context.graph();
      if (!training || structureOf(graph).optimizers.length === 0) return null;
      return context.below(2) === 0
        ? context.look(graph, { feeds: context.inference })
        : context.look(graph, { fetches: evaluate });
    },
  },
  {
    id: "BN004",
    what: "momentum 0.9999 for 2000 steps, in some layers",
    run: (context) => withMomentum(context, 0.9999),
  },
  {
    id: "BN005",
    what: "momentum 0.1, 0.05 or 0.01, in some layers",
    run: (context) => withMomentum(context, context.pick([0.1, 0.05, 0.01])),
  },
  { id: "BN006", what: "a batch of 2 to 20 samples a channel", run: (context) => withBatch(context, true, 2, 20) },
  {
    id: "BN007",
    what: "gamma and beta of a layer taken out of the optimizer",
    async run(context) {
      const structure = structureOf(await context.graph());
      const layer = context.pick(structure.layers);
      const parameters = new Set(layer.applications.flatMap((at) => structure.parameters(at)));
      const dropped = structure.optimizers.filter(({ variable }) => parameters.has(variable));
      if (dropped.length === 0) return null;
      const names = new Set(dropped.map(({ op }) => op.name));
      const isDropped = isOf(names);
      return context.look(
        await context.graph((nodes) =>
          nodes
            .filter(({ name }) => !names.has(name))
            .map((node) => {
              if (node.input) node.input = node.input.filter((input) => !isDropped(input));
              return node;
            }),
        ),
      );
    },
  },
  { id: "BN008", what: "a batch of fewer than 8 samples a channel", run: (context) => withBatch(context, false, 1, 7) },
  {
    id: "BN009",
    what: "two layers' variances averaged, or their weights alone",
    async run(context) {
      const graph = await context.graph();
      const structure = structureOf(graph);
      const pair = twins(structure, context);
      if (!pair) return null;
      const [a, b] = pair;
      const average = (to: tf.Operation, from: tf.Operation): tf.Tensor =>
        tf.assign(to.outputs[0], tf.multiply(tf.add(readOf(to), readOf(from)), 0.5));
      const fetches = graph.asDefault(() => {
        if (context.below(2) === 0 || a.parameters.length === 0 || b.parameters.length === 0)
          return tf.group([average(a.mean, b.mean), average(a.variance, b.variance)]);
        return tf.group([average(a.parameters[0], b.parameters[0])]);
      });
      return context.look(graph, { fetches });
    },
  },
  {
    id: "BN010",
    what: "gradients added up over steps that run the update ops",
    async run(context) {
      const graph = await context.graph();
      const { optimizers } = structureOf(graph);
      if (optimizers.length === 0) return null;
      const fetches = graph.asDefault(() => {
        const sums = optimizers.map(({ op, variable, gradient }) => {
          const sum = tf.variable(tf.zeros(variableType(variable).shape as number[]), { trainable: false });
          op.updateInput(op.inputs.indexOf(gradient), sum.value());
          return tf.assignAdd(sum, gradient);
        });
        return tf.group([...sums, ...handles(graph)]);
      });
      return context.look(graph, { fetches });
    },
  },
  {
    id: "BN011",
    what: "a weight replaced after training, then an evaluation",
    async run(context) {
      const found = await trained(context, await context.graph());
      if (!found) return null;
      const { session, warnings, weights } = found;
      const { name } = context.pick(weights);
      const value = session.variables().get(name)!;
      session.load({ [name]: { ...value, data: (value.data as Float32Array).map((item) => item * 0.5) } });
      await session.run(context.program.evaluate, context.inference);
      session.close();
      return warnings;
    },
  },
  {
    id: "BN012",
    what: "the statistics left out of the Saver, or of what is loaded",
    async run(context) {
      const graph = await context.graph();
      const { inferences, layers, trainable } = structureOf(graph);
      const statistics = new Set([
        ...inferences.flatMap(({ mean, variance }) => [mean, variance]),
        ...layers.flatMap(({ mean, variance }) => [mean.variable, variance.variable]),
      ]);
      const saver = graph.operations.find(({ type }) => type === "SaveV2");
      if (saver && context.below(2) === 0) {
        const kept = saver.inputs
          .filter((input) => !statistics.has(variableBehind(input)!))
          .map((input) => input.name.replace(/:0$/, ""));
        return context.look(
          await context.graph((nodes) => {
            nodes.find(({ name }) => name === saver.name)!.input = kept;
            return nodes;
          }),
        );
      }
      const found = await trained(context, graph);
      if (!found) return null;
      const values = found.session.variables();
      found.session.close();
      const warnings: tf.Finding[] = [];
      const session = await tf.Session.create({ graph, onWarning: (finding) => warnings.push(finding) });
      await session.run(context.program.init);
      session.load(Object.fromEntries([...trainable].map(({ name }) => [name, values.get(name)!])));
      await session.run(context.program.evaluate, context.inference);
      session.close();
      return warnings;
    },
  },
  {
    id: "BN013",
    what: "a bias added in front of a layer",
    async run(context) {
      const graph = await context.graph();
      const free = structureOf(graph).layers.filter(({ training: [source] }) => !biasOf(source.inputs[0]));
      if (free.length === 0) return null;
      const layer = context.pick(free);
      const x = throughSwitches(layer.training[0].inputs[0]);
      const takers = [...x.consumers];
      graph.asDefault(() => {
        const bias = tf.variable(tf.zeros([x.shape!.at(-1)!]));
        const y = tf.add(x, bias);
        for (const taker of takers) taker.inputs.forEach((input, i) => input === x && taker.updateInput(i, y));
      });
      return context.look(graph);
    },
  },
  {
    id: "BN014",
    what: "a layer applied to another input, too",
    async run(context) {
      const graph = await context.graph();
      const structure = structureOf(graph);
      const { layers } = structure;
      const byRef = layers.filter(({ mean }) => isRef(mean.variable));
      if (byRef.length === 0) return null;
      const { mean, variance, applications } = context.pick(byRef);
      const shape = applications[0].source.inputs[0].shape!;
      const channels = [shape.at(-1)!];
      const updates = graph.asDefault(() => {
        const second = tf.placeholder(tf.float32, shape, "second");
        const batch =
          shape.length === 4
            ? tf.nn.fusedBatchNorm(second, tf.ones(channels), tf.zeros(channels))
            : tf.nn.moments(second, [0]);
        const move = ({ variable }: { variable: tf.Operation }, now: tf.Tensor): tf.Operation =>
          tf.assignSub(variable.outputs[0], tf.multiply(tf.subtract(readOf(variable), now), 0.01)).op;
        return [move(mean, batch.mean), move(variance, batch.variance)];
      });
      return context.look(graph, { fetches: [...context.program.train, ...updates] });
    },
  },
];

function throughSwitches(tensor: tf.Tensor): tf.Tensor {
  return tensor.op.type === "Switch" ? throughSwitches(tensor.op.inputs[0]) : tensor;
}
