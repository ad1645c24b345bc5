/** BN009: merged replicas whose statistics are not merged, or whose variances are averaged without the spread of the means. */
import type { Operation, Tensor } from "../../graph/operation.ts";
import { variableType } from "../../graph/variableOps.ts";
import { formatShape } from "../../graph/shape.ts";
import type { Examination } from "../examination.ts";
import { listed, type Case, type Rule, type RulePage } from "../finding.ts";
import { variableBehind } from "../structure.ts";

/** Variances averaged alone. */
export const BN009: Rule = {
  id: "BN009",
  severity: "warning",
  look(x) {
    const { structure } = x;
    const variances = new Set(structure.inferences.map(({ variance }) => variance));
    const means = new Set(structure.inferences.map(({ mean }) => mean));
    return assignments(x).flatMap(({ op, variable, above }): Case[] => {
      if (!variances.has(variable)) return [];
      const merged = [...above].filter((at) => variances.has(at));
      return merged.length > 1 && ![...above].some((at) => means.has(at)) ? [{ ops: [op], name: variable.name }] : [];
    });
  },
  say: (cases) =>
    `The moving variances of several replicas are averaged into ${listed(cases.map(({ name }) => name))} without the spread of their means: the variance of all their data is larger.`,
  fix: `// Over all replicas: E[variance + mean²] − (E[mean])²
const mean = tf.multiply(tf.addN(means), 1 / n);
const square = tf.multiply(tf.addN(variances.map((v, i) => tf.add(v, tf.square(means[i])))), 1 / n);
const merge = [tf.assign(movingMean, mean), tf.assign(movingVariance, tf.subtract(square, tf.square(mean)))];`,
};

/** Weights merged and statistics left. */
export const BN009Unmerged: Rule = {
  id: "BN009",
  severity: "warning",
  look(x) {
    const { structure } = x;
    const all = assignments(x);
    const set = new Set(all.map(({ variable }) => variable));
    const merged = all.filter(
      ({ variable, above }) =>
        structure.trainable.has(variable) && averaged(variable, above, structure.trainable).length > 1,
    );
    if (merged.length === 0) return [];
    return structure.inferences.flatMap(({ op, mean, variance, name, parameters }): Case[] => {
      const above = structure.above(op);
      const weights = merged.filter(({ variable }) => above.has(variable) || parameters.includes(variable));
      return weights.length === 0 || (set.has(mean) && set.has(variance))
        ? []
        : [{ ops: weights.map((weight) => weight.op), name }];
    });
  },
  say: (cases) =>
    `Weights of several replicas are merged (${listed(
      cases.flatMap(({ ops }) => ops.map((op) => op.name)),
      "",
    )}), but the moving statistics of ${listed(cases.map(({ name }) => name))} are not: they belong to the weights from before.`,
  fix: BN009.fix,
};

interface Assignment {
  readonly op: Operation;
  readonly variable: Operation;
  /** What the value depends on. */
  readonly above: ReadonlySet<Operation>;
}

/** Values that the run gives variables, apart from training. */
function assignments({ structure, running }: Examination): Assignment[] {
  const optimizers = new Set(structure.optimizers.map(({ op }) => op));
  return [...running].flatMap((op): Assignment[] => {
    if (!/^Assign(VariableOp)?$/.test(op.type) || optimizers.has(op)) return [];
    const variable = variableBehind(op.inputs[0]);
    const value: Tensor | undefined = op.inputs[1];
    return variable && value ? [{ op, variable, above: structure.above(value.op) }] : [];
  });
}

function averaged(like: Operation, above: ReadonlySet<Operation>, trainable: ReadonlySet<Operation>): Operation[] {
  const shape = formatShape(variableType(like).shape);
  return [...above].filter((at) => trainable.has(at) && formatShape(variableType(at).shape) === shape);
}

export const page: RulePage = {
  title: "Replicas merged wrongly",
  seen: "S in the graph",
  why: "A model averaged from replicas needs the statistics of all their data: leaving them out keeps one replica's, and averaging the variances alone forgets that the replicas' means differ. The right variance is E[variance + mean²] − (E[mean])².",
  sources: ["adap/flower #1060", "TsingZ0/PFLlib #260"],
  failing: `const x = tf.placeholder(tf.float32, [null, 8, 8, 4], "x");
for (const name of ["a", "b", "server"]) tf.layers.batchNormalization(x, { training: false, name });
const variable = (name) => tf.globalVariables().find((item) => item.name === name + ":0");
const [meanA, meanB, mean] = ["a", "b", "server"].map((name) => variable(name + "/moving_mean"));
const [varianceA, varianceB, variance] = ["a", "b", "server"].map((name) => variable(name + "/moving_variance"));

const newMean = tf.multiply(tf.add(meanA, meanB), 0.5);
const newVariance = tf.multiply(tf.add(varianceA, varianceB), 0.5);
const merge = tf.group([tf.assign(mean, newMean), tf.assign(variance, newVariance)]);

const findings = tf.doctor(tf.getDefaultGraph(), { fetches: merge });`,
  change: [
    [
      "const newVariance = tf.multiply(tf.add(varianceA, varianceB), 0.5);",
      `const squares = tf.add(tf.add(varianceA, tf.square(meanA)), tf.add(varianceB, tf.square(meanB)));
const newVariance = tf.subtract(tf.multiply(squares, 0.5), tf.square(newMean));`,
    ],
  ],
};
