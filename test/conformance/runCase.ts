/** Runs one case through the adapter of its family and compares all its outputs. */
import { families } from "./families/index.ts";
import type { GoldenCase } from "./goldenCase.ts";
import { Checks, type Outcome } from "./outcome.ts";

export interface RunOptions {
  /** Leave out gradients: the outputs called grad_*. */
  readonly forward?: boolean;
}

export async function runCase(golden: GoldenCase, { forward = false }: RunOptions = {}): Promise<Outcome> {
  const checks = new Checks();
  const wanted = [...golden.outputs].filter(([name]) => !forward || !isGradient(name));
  try {
    const adapter = families[golden.family];
    if (!adapter) checks.unsupported(golden.op);
    else {
      const values = await adapter(golden);
      for (const [name, { value, tolerance }] of wanted) {
        if (isGradient(name) && !values.has(name)) checks.unsupported("tf.gradients");
        else checks.check(name, values.get(name), value, tolerance);
      }
    }
  } catch (error) {
    checks.caught(error);
  }
  return checks.outcome(golden.family, golden.id);
}

function isGradient(output: string): boolean {
  return output.startsWith("grad_");
}
