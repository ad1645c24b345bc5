// ONNX Runtime Web 1.19.2, its training build: the last release with gradients. WASM with SIMD, one thread.
import { existsSync, readFileSync } from "node:fs";
import type * as onnxruntime from "onnxruntime-web";
import { fromNchw, fromOihw, nchw, oihw, type ConvShape, type Operands, type Pass } from "../convShapes.ts";

let ort: typeof onnxruntime;
export let onnxName = "";

/** By file: the package's exports do not offer the training build to Node. */
export async function startOnnx(): Promise<void> {
  const file = new URL("../node_modules/onnxruntime-web/dist/ort.training.wasm.mjs", import.meta.url);
  ort = (await import(file.href)) as typeof onnxruntime;
  ort.env.wasm.numThreads = 1;
  onnxName = `ONNX Runtime Web ${ort.env.versions.web} (training)`;
}

/** A forward convolution, and its gradients dX, dW and dB, which are one operation. Operands go in and results come out. */
export async function onnxPasses(shape: ConvShape, { x, w, dy }: Operands): Promise<Pass[]> {
  const [X, W, dY] = [
    tensor(nchw(x.data, x.shape), [x.shape[0], x.shape[3], x.shape[1], x.shape[2]]),
    tensor(oihw(w.data, w.shape), [w.shape[3], w.shape[2], w.shape[0], w.shape[1]]),
    tensor(nchw(dy.data, dy.shape), [dy.shape[0], dy.shape[3], dy.shape[1], dy.shape[2]]),
  ];
  const forward = await model(shape, "f");
  const gradients = await model(shape, "g");
  const data = (results: onnxruntime.InferenceSession.ReturnType, name: string): Float32Array =>
    results[name].data as Float32Array;
  const gradientFeeds = { Y: dY, X, W };
  return [
    {
      variant: "forward",
      step: () => forward.run({ X, W }),
      results: async () => [fromNchw(data(await forward.run({ X, W }), "Y"), dy.shape)],
    },
    {
      variant: "dX+dW+dB",
      step: () => gradients.run(gradientFeeds),
      async results() {
        const results = await gradients.run(gradientFeeds);
        return [fromNchw(data(results, "dX"), x.shape), fromOihw(data(results, "dW"), w.shape), data(results, "dB")];
      },
    },
  ];
}

/** `f` is Conv with X and W, `g` ConvGrad, whose first operand is called Y and is the gradient of it. */
function model({ batch, size, channels, filters, window, stride }: ConvShape, kind: "f" | "g") {
  const name = `ort_${batch}_${channels}_${size}_${window}_${filters}_${stride}_${kind}.onnx`;
  const file = new URL(`../onnx/${name}`, import.meta.url);
  if (!existsSync(file)) throw new Error(`There is no model bench/onnx/${name}.`);
  return ort.InferenceSession.create(readFileSync(file), { executionProviders: ["wasm"] });
}

function tensor(data: Float32Array, shape: readonly number[]): onnxruntime.Tensor {
  return new ort.Tensor("float32", data, shape);
}
