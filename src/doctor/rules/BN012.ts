/** BN012: saved or restored without the moving statistics. */
import type { Operation } from "../../graph/operation.ts";
import { layersSay, listed, type Case, type Rule, type RulePage } from "../finding.ts";
import { variableBehind } from "../structure.ts";
import { replaced } from "./BN011.ts";

/** A graph whose Saver saves weights and no statistics. */
export const BN012: Rule = {
  id: "BN012",
  severity: "warning",
  look({ structure }) {
    const savers = structure.graph.operations.filter(({ type }) => /^Save(V2|Slices)?$/.test(type));
    const saved = new Set(savers.flatMap((op) => op.inputs.flatMap((input) => variableBehind(input) ?? [])));
    if (saved.size === 0) return [];
    const layers = new Map<Operation, Case>();
    const judge = (mean: Operation, variance: Operation, found: Case, parameters: readonly Operation[]): void => {
      if (saved.has(mean) && saved.has(variance)) return;
      const weights = parameters.length > 0 ? parameters : [...structure.above(...found.ops)];
      if (weights.some((variable) => saved.has(variable))) layers.set(mean, { ops: savers, name: found.name });
    };
    for (const { mean, variance, name, parameters, op } of structure.inferences)
      judge(mean, variance, { name, ops: [op] }, parameters);
    for (const { mean, variance, name, applications, training } of structure.layers) {
      const parameters = applications.flatMap((at) => structure.parameters(at));
      judge(mean.variable, variance.variable, { name, ops: training }, parameters);
    }
    return [...layers.values()];
  },
  say: (cases) =>
    `The Saver of this graph (${listed(
      cases.flatMap(({ ops }) => ops.map((op) => op.name)),
      "",
    )}) saves weights, but not the moving mean and variance of the batch-norm ${layersSay(cases, "", "").trim()}: what is restored from it infers with 0 and 1.`,
  fix: `# Python: all variables, not tf.trainable_variables()
saver = tf.train.Saver(tf.global_variables())`,
};

/** A session that has the weights of a trained model and not its statistics. */
export const BN012InSession: Rule = {
  id: "BN012",
  severity: "warning",
  ofSession: true,
  look: (x) => replaced(x).filter(({ initial }) => initial),
  say: (cases) =>
    `Weights were loaded (${listed(
      cases.flatMap(({ ops }) => ops.map((op) => op.name)),
      "",
    )}), but the moving mean and variance of the batch-norm ${layersSay(cases, "", "").trim()} are still the initial 0 and 1: what was saved lacks them.`,
  fix: `// A checkpoint holds every variable:
const file = await session.checkpoint();
await other.restore(file);`,
};

export const page: RulePage = {
  title: "Saved without the moving statistics",
  seen: "S in the graph's Saver, R in a session",
  why: "The moving mean and variance are not trainable, so a Saver of the trainable variables leaves them out. The restored model has the right weights, starts with 0 and 1, and its inference is wrong although no variable is missing.",
  sources: ["tensorflow/skflow #117"],
  failing: `const x = tf.placeholder(tf.float32, [null, 8, 8, 1], "x");
const net = tf.layers.conv2d(x, 4, 3, { useBias: false, name: "conv" });
const normed = tf.layers.batchNormalization(net, { training: false, name: "bn" });
const init = tf.globalVariablesInitializer();
const trained = await tf.Session.create();
await trained.run(init);
trained.load({ "bn/moving_mean": [1, 2, 3, 4], "bn/moving_variance": [4, 3, 2, 1] });
const saved = Object.fromEntries(tf.trainableVariables().map(({ op }) => [op.name, trained.variables().get(op.name)]));

const session = await tf.Session.create();
await session.run(init);
session.load(saved);
const findings = session.doctor(normed);`,
  change: [["tf.trainableVariables()", "tf.globalVariables()"]],
};
