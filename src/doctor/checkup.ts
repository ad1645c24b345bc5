/** tf.checkup: the doctor with the values of one run before it: dead units, gradients, learning rates. */
import type { Feeds } from "../runtime/feeds.ts";
import type { Fetches } from "../runtime/fetches.ts";
import type { Session } from "../runtime/session.ts";
import type { Tensor } from "../graph/operation.ts";
import type { Finding, Severity } from "./finding.ts";
import { isAtLeast, severities } from "./format.ts";
import { valueRules } from "./rules/values.ts";

export interface CheckupOptions {
  /** What a step fetches, and what it is fed: real data. */
  fetches: Fetches;
  feeds?: Feeds;
  /** Leaves out what is less severe. Default "info": nothing. */
  severity?: Severity;
}

/** What the doctor finds in such a run, and in the values of the activations and gradients that it computes. It takes about as
 * long as the run; afterwards variables, generators and counts are as they were.
 * @throws what the run would throw */
export async function checkup(
  session: Session,
  { fetches, feeds, severity = "info" }: CheckupOptions,
): Promise<Finding[]> {
  const seen = session.doctor(fetches, feeds, { severity });
  const examination = session.examination(fetches, feeds);
  const wanted = new Set<Tensor>();
  for (const rule of valueRules) {
    for (const tensor of rule.wants?.(examination) ?? []) if (examination.isCertain(tensor.op)) wanted.add(tensor);
  }
  if (wanted.size === 0) return seen;
  const tensors = [...wanted];
  const values = await session.dryRun(tensors, feeds);
  const measured = session.findings(
    examination.withValues(new Map(tensors.map((tensor, i) => [tensor, values[i]]))),
    valueRules,
  );
  const ids = new Set(measured.map(({ id }) => id));
  return [...seen.filter(({ id }) => !ids.has(id)), ...measured]
    .filter((finding) => isAtLeast(finding.severity, severity))
    .sort((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity));
}
