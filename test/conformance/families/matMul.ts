/** Family matmul: products of matrices and of batches of them, in all transposes, and biases; with gradients. */
import * as tf from "../../../src/index.ts";
import { Unsupported } from "../goldenCase.ts";
import { evaluate, type Adapter } from "./adapter.ts";

export const matMul: Adapter = (golden) => {
  const { attrs, op } = golden;
  const flag = (name: string): boolean => attrs.has(name) && attrs.boolean(name);
  return evaluate(golden, (input) => {
    let y: tf.Tensor;
    if (op === "BiasAdd") y = tf.nn.biasAdd(input("x"), input("bias"));
    else if (op.startsWith("MatMul") || op.startsWith("BatchMatMul")) {
      y = tf.matmul(input("a"), input("b"), {
        transposeA: flag("transpose_a") || flag("adj_x"),
        transposeB: flag("transpose_b") || flag("adj_y"),
      });
    } else throw new Unsupported(op);
    const wanted = [...golden.outputs.keys()].filter((name) => name.startsWith("grad_"));
    if (wanted.length === 0) return { y };
    const xs = wanted.map((name) => input(name.slice("grad_".length)));
    const gradients = tf.gradients(y, xs, { gradYs: [input("grad_y")] });
    return { y, ...Object.fromEntries(wanted.map((name, i) => [name, gradients[i]!])) };
  });
};
