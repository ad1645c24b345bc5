// How time and memory of a training step grow with the batch and with the depth of the net.
import "../dist/src/entry/node.js";
import { contender, race, type Effort } from "./measure.ts";
import { train } from "./nets/net.ts";
import { resnet } from "./nets/resnet.ts";
import type { FigureRow } from "./report.ts";

export interface ScaleEffort extends Effort {
  readonly batches: readonly number[];
  readonly depths: readonly number[];
}

const [depth, batch] = [8, 32];

export async function benchScale(effort: ScaleEffort): Promise<FigureRow[]> {
  const rows: FigureRow[] = [];
  const measure = async (depth: number, batch: number, variant: string, items: number): Promise<void> => {
    const { net, session, step } = await train(resnet(depth), batch);
    const [{ ms }] = await race([contender("trainlet", step)], effort);
    const { usedBytes } = session.memory;
    session.close();
    rows.push({ group: "scale", case: net.name, variant, ms, msEach: ms / items, bytes: usedBytes });
  };
  for (const size of effort.batches) await measure(depth, size, `batch ${size}`, size);
  for (const layers of effort.depths) await measure(layers, batch, `batch ${batch}, by depth`, layers);
  return rows;
}
