/** The same experiment through trainlet/client, wherever its sessions are. */
import { connect, type Where } from "trainlet/client";
import type { Answer } from "./tutorial.ts";

export async function remoteTutorial(where: Where, image: Float32Array): Promise<Answer> {
  const trainlet = await connect(where);
  const session = await trainlet.create({ example: "tutorial" });
  const feeds = { "input_node:0": { data: image, shape: [1, 100, 100, 3] } };
  await session.run({ fetches: ["init"] });
  await session.run({ fetches: ["train_op"], feeds, repeat: 100 });
  const [layer] = await session.movingStatistics();
  await session.close();
  await trainlet.disconnect();
  return { mean: [...(layer.mean.data as Float32Array)], variance: [...(layer.variance.data as Float32Array)] };
}
