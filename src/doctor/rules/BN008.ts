/** BN008: too few samples a channel. */
import { layersSay, shown, type Rule, type RulePage } from "../finding.ts";

export const BN008: Rule = {
  id: "BN008",
  severity: "warning",
  look(x) {
    // Evaluation in training mode is BN003.
    if (x.structure.optimizers.length > 0 && !x.trains) return [];
    return x.training.flatMap(({ layer, application }) => {
      const samples = x.samples(application);
      if (samples === null || samples >= 8) return [];
      return [
        { ops: [application.source], name: layer.name, figure: samples, severity: samples < 2 ? "error" : "warning" },
      ];
    });
  },
  say(cases) {
    const samples = Math.min(...cases.map(({ figure }) => figure!));
    return `The batch-norm ${layersSay(cases, "takes its", "take their")} statistics over ${shown(samples)} ${samples === 1 ? "sample" : "samples"} a channel: ${
      samples < 2
        ? "the output is beta whatever the input is, no gradient passes, and the moving variance is driven to 0"
        : "they are mostly noise, and inference with the moving statistics will differ from training"
    }.`;
  },
  fix: `// A larger batch, and no rest of one sample at the end of an epoch:
for (let i = 0; i + batchSize <= images.length; i += batchSize) await session.run(trainOp, batch(i, batchSize));`,
};

export const page: RulePage = {
  title: "Too few samples a channel",
  seen: "S from the graph's shapes, R from a run's",
  why: "The statistics of a layer are taken over batch × height × width samples of a channel. Of one sample the variance is 0 and the output is beta, so a last batch of one undoes steps of training; of fewer than eight they are mostly noise.",
  sources: ["pytorch/pytorch #7716", "fastai/fastai #1352"],
  failing: `const x = tf.placeholder(tf.float32, [null, 4], "x");
const net = tf.layers.batchNormalization(x, { training: true, name: "bn" });
const loss = tf.reduceMean(tf.square(net));
const trainOp = new tf.train.GradientDescentOptimizer(0.1).minimize(loss, { updateOps: true });

const findings = tf.doctor(tf.getDefaultGraph(), { fetches: trainOp, feeds: { "x:0": { data: new Float32Array(1 * 4), shape: [1, 4] } } });`,
  change: [["{ data: new Float32Array(1 * 4), shape: [1, 4] }", "{ data: new Float32Array(32 * 4), shape: [32, 4] }"]],
};
