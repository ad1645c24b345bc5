// jax-js on its WASM backend, just-in-time compiled.
import { readFileSync } from "node:fs";
import * as jax from "@jax-js/jax";
import {
  fromNchw,
  fromOihw,
  nchw,
  oihw,
  type ConvShape,
  type Operands,
  type Pass,
  type Values,
} from "../convShapes.ts";

const { version } = JSON.parse(
  readFileSync(new URL("../node_modules/@jax-js/jax/package.json", import.meta.url), "utf8"),
) as { version: string };
export const jaxName = `jax-js ${version} wasm`;

/** On one thread: it shares its memory with workers where there is a global Worker, which Node has not and ONNX Runtime leaves behind. */
export async function startJax(): Promise<void> {
  Reflect.deleteProperty(globalThis, "Worker");
  const devices = await jax.init("wasm");
  if (!devices.includes("wasm")) throw new Error(`jax-js has no WASM backend here, but: ${devices.join(", ")}.`);
  jax.defaultDevice("wasm");
}

/** Operands stay in its memory. */
export function jaxPasses({ window, stride }: ConvShape, { x, w, dy }: Operands): Pass[] {
  const { numpy: np, lax } = jax;
  const pad = (window - 1) / 2;
  const array = (data: Float32Array, shape: number[]): jax.Array =>
    np.array(data as Float32Array<ArrayBuffer>).reshape(shape);
  const image = ({ data, shape: [n, h, w, c] }: Values): jax.Array => array(nchw(data, [n, h, w, c]), [n, c, h, w]);
  const [X, dY] = [image(x), image(dy)];
  const W = array(oihw(w.data, w.shape), [w.shape[3], w.shape[2], w.shape[0], w.shape[1]]);
  const convolution = (X: jax.Array, W: jax.Array): jax.Array =>
    lax.convGeneralDilated(
      X,
      W,
      [stride, stride],
      [
        [pad, pad],
        [pad, pad],
      ],
    );
  const forward = jax.jit(convolution);
  const gradients = jax.jit(
    jax.grad(({ X, W }: { X: jax.Array; W: jax.Array }, dY: jax.Array) => np.sum(convolution(X, W).mul(dY))),
  );
  const runForward = (): Promise<jax.Array> => forward(X.ref, W.ref).blockUntilReady() as Promise<jax.Array>;
  const runGradients = async () => jax.blockUntilReady(gradients({ X: X.ref, W: W.ref }, dY.ref));
  return [
    {
      variant: "forward",
      step: async () => (await runForward()).dispose(),
      results: async () => [fromNchw((await (await runForward()).data()) as Float32Array, dy.shape)],
    },
    {
      variant: "dX+dW",
      async step() {
        const { X, W } = (await runGradients()) as { X: jax.Array; W: jax.Array };
        X.dispose();
        W.dispose();
      },
      async results() {
        const { X, W } = (await runGradients()) as { X: jax.Array; W: jax.Array };
        return [
          fromNchw((await X.data()) as Float32Array, x.shape),
          fromOihw((await W.data()) as Float32Array, w.shape),
        ];
      },
    },
  ];
}
