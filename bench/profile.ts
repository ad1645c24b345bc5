// Where the time of a whole training step goes, by operation: what `run(…, { profile: true })` says, as rows.
import "../dist/src/entry/node.js";
import { train } from "./nets/net.ts";
import type { ProfileRow } from "./report.ts";
import { cases } from "./stepCases.ts";

/** Of a step's time: operations with less are added up. */
const smallShare = 0.01;

interface Operation {
  /** The one of its kernels that takes longest; others prepare, or fill an output. */
  kernel: string;
  longest: number;
  ms: number;
  flops: number;
  bytes: number;
}

export interface ProfileEffort {
  /** How many profiles are taken: the one with the shortest step is shown, it was disturbed least. */
  readonly profiles: number;
  /** Steps of each. */
  readonly repeat: number;
}

export async function benchProfile({ profiles, repeat }: ProfileEffort): Promise<ProfileRow[]> {
  const rows: ProfileRow[] = [];
  for (const { net: build, batch } of cases) {
    const { net, session, profile } = await train(build(), batch);
    let best = await profile(repeat);
    for (let i = 1; i < profiles; i++) {
      const next = await profile(repeat);
      if (next.ms < best.ms) best = next;
    }
    session.close();
    const operations = new Map<string, Operation>();
    for (const { operations: names, kernel, ms, flops, bytes } of best.steps) {
      const of = operations.get(names[0]) ?? { kernel, longest: 0, ms: 0, flops: 0, bytes: 0 };
      operations.set(names[0], of);
      if (ms > of.longest) Object.assign(of, { kernel, longest: ms });
      of.ms += ms;
      of.flops += flops ?? 0;
      of.bytes += bytes;
    }
    const all = [...operations].sort(([, a], [, b]) => b.ms - a.ms);
    const large = all.filter(([, { ms }]) => ms >= smallShare * best.ms);
    const what = { group: "profile", case: `${net.name}, batch ${batch}` } as const;
    for (const [name, { kernel, ms, flops, bytes }] of large)
      rows.push({ ...what, variant: name, kernel, ms, share: ms / best.ms, flops, bytes });
    const rest = best.ms - large.reduce((sum, [, { ms }]) => sum + ms, 0);
    const variant = `${all.length - large.length} others, and what is not kernels`;
    rows.push({ ...what, variant, kernel: "", ms: rest, flops: 0, bytes: 0, share: rest / best.ms });
  }
  return rows;
}
