// The nets of bench/nets in TensorFlow.js, starting from trainlet's variables.
import { batchOf, classes, epsilon, learningRate, momentum, type Net } from "../nets/net.ts";
import { tf } from "./tfjs.ts";

type Variables = ReadonlyMap<string, tf.Variable>;
type Logits = (images: tf.Tensor4D, variables: Variables) => tf.Tensor2D;

export interface TfjsTraining {
  /** Runs a step, and gives the loss before it. */
  step(): number;
  loss(): number;
  dispose(): void;
}

export function tfjsTraining(
  net: Net,
  batch: number,
  values: ReadonlyMap<string, { data: ArrayLike<number | bigint>; shape: readonly number[] }>,
): TfjsTraining {
  const variables = new Map<string, tf.Variable>();
  for (const [name, { data, shape }] of values) {
    // The optimizer's slots and the moving statistics are its own affair.
    if (/Momentum|moving_/.test(name)) continue;
    variables.set(name, tf.variable(tf.tensor(data as Float32Array, [...shape])));
  }
  const { images, labels } = batchOf(net, batch);
  const x = tf.variable(tf.tensor4d(images, [batch, ...net.image]));
  const oneHot = tf.oneHot(tf.tensor1d(labels, "int32"), classes);
  const logits = logitsOf(net.name);
  const loss = (): tf.Scalar => tf.losses.softmaxCrossEntropy(oneHot, logits(x as tf.Tensor4D, variables));
  const optimizer = tf.train.momentum(learningRate, momentum);
  const sources = [...variables.values(), ...(net.inputGradient.length > 0 ? [x] : [])];
  return {
    step: () =>
      tf.tidy(() => {
        const { value, grads } = tf.variableGrads(loss, sources);
        delete grads[x.name];
        optimizer.applyGradients(grads as Parameters<typeof optimizer.applyGradients>[0]);
        return value.dataSync()[0];
      }),
    loss: () => tf.tidy(() => loss().dataSync()[0]),
    dispose() {
      tf.dispose([...variables.values(), x, oneHot]);
      optimizer.dispose();
    },
  };
}

function logitsOf(name: string): Logits {
  if (name === "LeNet-BN") return lenet;
  if (name === "MobileNet block") return mobilenetBlock;
  return (images, variables) => resnet(images, variables, (Number(name.replace("ResNet-", "")) - 2) / 6);
}

const lenet: Logits = (images, variables) => {
  let net = images;
  for (const i of [1, 2]) {
    net = tf.add(conv(net, variables, `conv_${i}/kernel`, 1, 2), variables.get(`conv_${i}/bias`)!);
    net = tf.maxPool(tf.relu(norm(net, variables, `bn_${i}`)), 2, 2, "valid");
  }
  return dense(tf.reshape(net, [net.shape[0], -1]), variables);
};

const mobilenetBlock: Logits = (images, variables) => {
  const kernel = variables.get("depthwise/kernel") as unknown as tf.Tensor4D;
  let net = tf.relu(norm(tf.depthwiseConv2d(images, kernel, 1, "same"), variables, "depthwise/bn"));
  net = tf.relu(norm(conv(net, variables, "pointwise/kernel", 1, 0), variables, "pointwise/bn"));
  return dense(tf.mean(net, [1, 2]), variables);
};

function resnet(images: tf.Tensor4D, variables: Variables, blocks: number): tf.Tensor2D {
  let net = tf.relu(norm(conv(images, variables, "stem/kernel", 1, 1), variables, "stem/bn"));
  for (const stage of [1, 2, 3]) {
    for (let block = 1; block <= blocks; block++) {
      const name = `stage${stage}_${block}`;
      const stride = stage > 1 && block === 1 ? 2 : 1;
      let inner = norm(conv(net, variables, `${name}/conv_1/kernel`, stride, 1), variables, `${name}/bn_1`);
      inner = norm(conv(tf.relu(inner), variables, `${name}/conv_2/kernel`, 1, 1), variables, `${name}/bn_2`);
      const shortcut = stride === 1 ? net : conv(net, variables, `${name}/shortcut/kernel`, stride, 0);
      net = tf.relu(tf.add(inner, shortcut));
    }
  }
  return dense(tf.mean(net, [1, 2]), variables);
}

function conv(x: tf.Tensor4D, variables: Variables, kernel: string, stride: number, pad: number): tf.Tensor4D {
  return tf.conv2d(x, variables.get(kernel) as unknown as tf.Tensor4D, stride, pad);
}

function norm(x: tf.Tensor4D, variables: Variables, name: string): tf.Tensor4D {
  const { mean, variance } = tf.moments(x, [0, 1, 2]);
  const [beta, gamma] = ["beta", "gamma"].map((kind) => variables.get(`${name}/${kind}`) as unknown as tf.Tensor1D);
  return tf.batchNorm4d(x, mean as tf.Tensor1D, variance as tf.Tensor1D, beta, gamma, epsilon);
}

function dense(x: tf.Tensor, variables: Variables): tf.Tensor2D {
  return tf.add(
    tf.matMul(x as tf.Tensor2D, variables.get("dense/kernel") as unknown as tf.Tensor2D),
    variables.get("dense/bias")!,
  );
}
