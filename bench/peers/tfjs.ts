// TensorFlow.js 4.22: its WASM backend (the SIMD binary, one thread) and its CPU backend (JavaScript).
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
// All of it, for the gradients: tfjs-core has none registered.
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import type { ConvShape, Operands, Pass } from "../convShapes.ts";

export { tf };
export type Backend = "wasm" | "cpu";
export const tfjsName = (backend: Backend): string => `tfjs-${backend} ${tf.version_core}`;

/** Only the SIMD binary has a path, so that no other one can be what runs. */
function setPaths(): void {
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  const folder = dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm"));
  const simd = join(folder, "tfjs-backend-wasm-simd.wasm");
  if (!existsSync(simd)) throw new Error(`'${simd}' is missing.`);
  const refused = join(folder, "this-binary-must-not-be-loaded.wasm");
  setWasmPaths({
    "tfjs-backend-wasm.wasm": refused,
    "tfjs-backend-wasm-simd.wasm": simd,
    "tfjs-backend-wasm-threaded-simd.wasm": refused,
  });
}

let prepared = false;

/** Makes a backend the one that tensors are made and computed on from now on. */
export async function useTfjs(backend: Backend): Promise<void> {
  if (!prepared) setPaths();
  prepared = true;
  const started = await tf.setBackend(backend);
  await tf.ready();
  if (!started || tf.getBackend() !== backend) throw new Error(`TensorFlow.js runs on '${tf.getBackend()}'.`);
  if (backend === "wasm" && (await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT")) !== true)
    throw new Error("TensorFlow.js does not run its SIMD kernels.");
}

/** Operands stay in its memory. The WASM backend has no gradient by the filter: there it is dX alone. */
export function tfjsPasses(backend: Backend, { window, stride }: ConvShape, operands: Operands): Pass[] {
  const [x, w, dy] = [operands.x, operands.w, operands.dy].map(({ data, shape }) =>
    tf.tensor4d(data, shape as [number, number, number, number]),
  );
  const pad = (window - 1) / 2;
  const forward = (x: tf.Tensor4D, w: tf.Tensor4D): tf.Tensor4D => tf.conv2d(x, w, stride, pad);
  const gradients =
    backend === "wasm"
      ? () => [tf.grad((x) => forward(x as tf.Tensor4D, w))(x, dy)]
      : () => tf.grads((x, w) => forward(x as tf.Tensor4D, w as tf.Tensor4D))([x, w], dy);
  const pass = (variant: Pass["variant"], run: () => tf.Tensor[]): Pass => ({
    variant,
    step: () => tf.dispose(tf.tidy(run)),
    async results() {
      const results = tf.tidy(run);
      const data = await Promise.all(results.map((result) => result.data() as Promise<Float32Array>));
      tf.dispose(results);
      return data;
    },
  });
  return [pass("forward", () => [forward(x, w)]), pass(backend === "wasm" ? "dX" : "dX+dW", gradients)];
}
