/** Two sessions that no hostile request knows of: whatever happens to others, they keep every bit. */
import type { StoredTensor } from "../../src/formats/safetensors.ts";
import type { SessionApi, Trainlet } from "../../worker/api.ts";
import { connect } from "../../worker/client/node.ts";
import { fitOf, fitRows, type Graphs } from "./graphs.ts";

interface Witness {
  readonly name: string;
  readonly session: SessionApi;
  readonly before: Snapshot;
  /** What both the witness and its twin elsewhere do in the end. */
  go(session: SessionApi): Promise<unknown>;
  readonly metaGraph: Uint8Array;
  /** It has data and a fit over them. */
  readonly fits: boolean;
}

interface Snapshot {
  readonly checkpoint: Uint8Array;
  readonly rest: string;
}

export class Witnesses {
  readonly trainlet: Trainlet;
  readonly #witnesses: readonly Witness[];

  private constructor(trainlet: Trainlet, witnesses: readonly Witness[]) {
    this.trainlet = trainlet;
    this.#witnesses = witnesses;
  }

  static async create(url: string, { smallBinary, tutorialBinary }: Graphs, photo: StoredTensor): Promise<Witnesses> {
    const trainlet = await connect(url);
    const make = async (
      name: string,
      metaGraph: Uint8Array,
      go: (session: SessionApi) => Promise<unknown>,
    ): Promise<Witness> => {
      const session = await trainlet.create({ metaGraph }, { seed: 11 });
      await session.run({ fetches: ["init"] });
      await go(session);
      const fits = name === "small";
      if (fits) {
        await session.putData("rows", fitRows);
        await session.fit(fitOf(5));
      }
      return { name, session, go, metaGraph, fits, before: await snapshot(session, fits) };
    };
    const witnesses = [
      await make("small", smallBinary, (session) =>
        session.run({ fetches: ["train", "count", "y:0"], feeds: { "x:0": [[1, 2, 3, 4]] }, repeat: 3 }),
      ),
      await make("tutorial", tutorialBinary, (session) =>
        session.run({ fetches: ["train_op"], feeds: { "input_node:0": photo }, repeat: 7 }),
      ),
    ];
    return new Witnesses(trainlet, witnesses);
  }

  async checkpoints(): Promise<{ smallCheckpoint: Uint8Array; tutorialCheckpoint: Uint8Array }> {
    const [small, tutorial] = this.#witnesses;
    return { smallCheckpoint: small.before.checkpoint, tutorialCheckpoint: tutorial.before.checkpoint };
  }

  /** @throws if a witness has not what it had in the beginning. */
  async check(when: string): Promise<void> {
    for (const { name, session, before, fits } of this.#witnesses)
      compare(`${name}, ${when}`, await snapshot(session, fits), before);
  }

  /** The witnesses go on, and with them twins in this process, from the checkpoints of the beginning: the same bits. */
  async finish(): Promise<void> {
    const here = await connect("in-process");
    for (const { name, session, go, metaGraph, before, fits } of this.#witnesses) {
      const twin = await here.create({ metaGraph });
      await twin.restore(before.checkpoint);
      await Promise.all([go(session), go(twin)]);
      if (fits) {
        await twin.putData("rows", fitRows);
        const { state } = await session.fitInfo();
        for (const each of [session, twin]) await each.fit({ ...fitOf(11), resume: state });
      }
      if (Buffer.compare(await session.checkpoint(), await twin.checkpoint()) !== 0) {
        throw new Error(`The witness '${name}' went on with other bits than its twin.`);
      }
    }
    await here.disconnect();
  }

  async close(): Promise<void> {
    for (const { session } of this.#witnesses) await session.close();
    await this.trainlet.disconnect();
  }
}

async function snapshot(session: SessionApi, fits: boolean): Promise<Snapshot> {
  const { seed, steps, nodes, variables } = await session.info();
  const statistics = await session.movingStatistics();
  const trained = fits && { data: await session.listData(), fit: await session.fitInfo() };
  const rest = JSON.stringify({ seed, steps, nodes, variables, statistics, trained });
  return { checkpoint: await session.checkpoint(), rest };
}

function compare(name: string, now: Snapshot, before: Snapshot): void {
  if (now.rest !== before.rest) throw new Error(`The witness '${name}' has changed:\n${before.rest}\n${now.rest}`);
  if (Buffer.compare(now.checkpoint, before.checkpoint) !== 0) throw new Error(`The witness '${name}' has other bits.`);
}
