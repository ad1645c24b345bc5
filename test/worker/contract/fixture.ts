/** What the parts of the contract share: a connection, TensorFlow's values, and how a session is looked at. */
import { expect } from "vitest";
import { decodeSafetensors, type StoredTensor } from "../../../src/formats/safetensors.ts";
import { errors } from "../../../src/index.ts";
import type { ExampleName, RunResult, SessionApi, TensorData, Trainlet } from "../../../worker/api.ts";
import { compare } from "../../conformance/compare.ts";
import { toleranceOf } from "../../conformance/goldenCase.ts";
import type { ProgramManifest } from "../../conformance/metagraph.ts";
import type { ReadGolden } from "../../helpers/sameBits.ts";

export const program = "metagraph/tutorial";
export const net = "net:0";
export const mean = "bn/moving_mean/read:0";
export const variance = "bn/moving_variance/read:0";
export const kernel = "conv_1/kernel/read:0";

/** How a host is reached, and how it reads test/golden. */
export interface Host {
  connect(): Promise<Trainlet>;
  readonly read: ReadGolden;
}

/** TensorFlow's values of the program, and the photograph that it was fed. */
export interface Golden {
  readonly photo: Float32Array;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly manifest: ProgramManifest;
}

export class Fixture {
  readonly connect: Host["connect"];
  readonly read: ReadGolden;
  trainlet!: Trainlet;
  golden!: Golden;
  feeds!: { "input_node:0": Float32Array };

  constructor({ connect, read }: Host) {
    this.connect = connect;
    this.read = read;
  }

  async open(): Promise<void> {
    this.trainlet = await this.connect();
    const { tensors } = decodeSafetensors(await this.read(`${program}/io.safetensors`));
    const manifest = JSON.parse(await readText(this.read, `${program}/case.json`)) as ProgramManifest;
    const photo = Float32Array.from(tensors.get("feed0/input_node:0")!.data as Float32Array);
    this.golden = { photo, tensors, manifest };
    this.feeds = { "input_node:0": photo };
  }

  async initialized(example: ExampleName = "tutorial"): Promise<SessionApi> {
    const session = await this.trainlet.create({ example });
    await session.run({ fetches: ["init"] });
    return session;
  }

  /** What inference gives: everything that training may have changed. */
  async look(session: SessionApi): Promise<RunResult["fetches"]> {
    const fetches = [net, mean, variance, kernel];
    return (await session.run({ fetches, feeds: { ...this.feeds, "training:0": false } })).fetches;
  }

  /** How a value leaves TensorFlow's tolerance; null if it does not. */
  mismatch(got: TensorData | null, name: string): string | null {
    const tolerance = toleranceOf(this.golden.manifest.tolerance[name]);
    return compare(got!, this.golden.tensors.get(name)!, tolerance).mismatch;
  }
}

export function entries(fetches: RunResult["fetches"]): [string, TensorData][] {
  return Object.entries(fetches) as [string, TensorData][];
}

export async function expectError(call: Promise<unknown>, name: string, sentence: string): Promise<void> {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf((errors as unknown as Record<string, typeof Error>)[name]);
  expect(error).toMatchObject({ name, message: expect.stringContaining(sentence) as string });
}

export async function readText(read: ReadGolden, path: string): Promise<string> {
  return new TextDecoder().decode(await read(path));
}
