// TensorFlow.js on its WASM backend: the SIMD binary, one thread.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";

export { tf };
export const tfjsName = `tfjs-wasm ${tf.version_core}`;

/** Starts the backend. Only the SIMD binary has a path, so that no other one can be what runs. */
export async function startTfjs(): Promise<void> {
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
  const started = await tf.setBackend("wasm");
  await tf.ready();
  const simdSupported = await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT");
  if (!started || tf.getBackend() !== "wasm" || simdSupported !== true) {
    throw new Error(
      `TensorFlow.js does not run its SIMD kernels: backend '${tf.getBackend()}', SIMD ${String(simdSupported)}.`,
    );
  }
}
