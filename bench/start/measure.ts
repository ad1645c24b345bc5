// What a fresh host is measured by: the time to its first training step, and rounds of steps after it.
import { train, type Training } from "../nets/net.ts";
import { resnet } from "../nets/resnet.ts";

export const hostCase = { net: () => resnet(8), batch: 32, name: "ResNet-8, batch 32" };

export interface StartUp {
  /** Milliseconds: compiling the kernels. */
  readonly compile: number;
  /** Building the graph, making a session, initializing the variables. */
  readonly create: number;
  /** The first step: its plan is compiled, memory is new, kernels run before they are optimized. */
  readonly firstStep: number;
  /** From the start of the process or of the page's load to the end of the first step. */
  readonly total: number;
}

/** `compile` gives the kernels. */
export async function startUp(
  compile: () => Promise<WebAssembly.Module>,
): Promise<{ times: StartUp; training: Training }> {
  const begin = performance.now();
  const kernels = await compile();
  const compiled = performance.now();
  const training = await train(hostCase.net(), hostCase.batch, { kernels });
  const created = performance.now();
  await training.step();
  const end = performance.now();
  const times = {
    compile: compiled - begin,
    create: created - compiled,
    firstStep: end - created,
    // From the time origin.
    total: end,
  };
  return { times, training };
}

export async function round({ step }: Training, steps: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < steps; i++) await step();
  return performance.now() - start;
}
