/** The experiment that is killed: the tutorial's program as TensorFlow exported it, request by request over plain HTTP. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "../../src/formats/safetensors.ts";
import { connect } from "../../worker/client/node.ts";
import { readGolden } from "../helpers/golden.node.ts";

const json = "application/json";
const safetensors = "application/vnd.safetensors";

export interface Request {
  readonly name: string;
  readonly method: "DELETE" | "GET" | "POST" | "PUT";
  /** Below the session's own. */
  readonly path: string;
  readonly type?: string;
  readonly body?: Uint8Array<ArrayBuffer> | string;
}

/** What a session has, compared as text: counters, all bits, statistics. null where there is no session. */
export type State = string | null;

/** The first one creates the session, the last one deletes it. */
export async function readExperiment(): Promise<Request[]> {
  const metaGraph = Uint8Array.from(await readFile(new URL("../../examples/tutorial.meta", import.meta.url)));
  const { tensors } = decodeSafetensors(await readGolden("metagraph/tutorial/io.safetensors"));
  const photo = tensors.get("feed0/input_node:0")!;
  const feeds = encodeSafetensors([["input_node:0", photo]]);
  const off = { dtype: "bool", shape: [], data: new Uint8Array(1) } as const;
  const inference = encodeSafetensors([
    ["input_node:0", photo],
    ["training:0", off],
  ]);
  const run = (name: string, query: string, body = feeds): Request => {
    return { name, method: "POST", path: `/run?${query}`, type: safetensors, body };
  };
  const runOperation = (name: string, operation: string): Request => {
    return { name, method: "POST", path: "/run", type: json, body: JSON.stringify({ fetches: [operation] }) };
  };
  const train = run("train", "fetches=train_op");
  return [
    { name: "create", method: "POST", path: "?seed=5", type: "application/x-protobuf", body: metaGraph },
    runOperation("init", "init"),
    train,
    train,
    { name: "statistics", method: "GET", path: "/moving-statistics" },
    train,
    run("train × 20", "fetches=train_op&repeat=20&collect=bn/moving_mean/read:0"),
    run("inference", "fetches=net:0", inference),
    // Draws the kernel's next random values.
    runOperation("draw", "conv_1/kernel/Assign"),
    { name: "checkpoint", method: "GET", path: "/checkpoint" },
    train,
    {
      name: "restore",
      method: "PUT",
      path: "/checkpoint",
      type: safetensors,
      body: await earlierCheckpoint(metaGraph, photo),
    },
    train,
    run("train × 200", "fetches=train_op&repeat=200"),
    train,
    { name: "delete", method: "DELETE", path: "" },
  ];
}

/** A checkpoint of the session when it had two steps of training: restoring it takes statistics and generators back. */
async function earlierCheckpoint(metaGraph: Uint8Array, photo: StoredTensor): Promise<Uint8Array<ArrayBuffer>> {
  const trainlet = await connect("in-process");
  const session = await trainlet.create({ metaGraph }, { seed: 5 });
  await session.run({ fetches: ["init"] });
  await session.run({ fetches: ["train_op"], feeds: { "input_node:0": photo }, repeat: 2 });
  const checkpoint = await session.checkpoint();
  await trainlet.disconnect();
  return Uint8Array.from(checkpoint);
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** @throws where no whole answer came. */
export async function send(url: string, id: string, { method, path, type, body }: Request): Promise<Answer> {
  const session = id === "" ? "" : `/${id}`;
  const response = await fetch(`${url}/v1/sessions${session}${path}`, {
    method,
    body,
    headers: { connection: "close", ...(type && { "content-type": type }) },
    signal: AbortSignal.timeout(30_000),
  });
  return { status: response.status, text: await response.text() };
}

/** Sends a request that has to be answered. Gives the session's id. */
export async function expectAnswer(url: string, id: string, request: Request): Promise<string> {
  const { status, text } = await send(url, id, request);
  if (status >= 300) throw new Error(`${request.name} was answered ${status}: ${text}`);
  return id || (JSON.parse(text) as { id: string }).id;
}

/** What is there of the session `id`. */
export async function look(url: string, id: string): Promise<State> {
  const get = async (path: string): Promise<Response> =>
    fetch(`${url}/v1/sessions/${id}${path}`, { headers: { connection: "close" }, signal: AbortSignal.timeout(30_000) });
  const info = await get("");
  if (info.status === 404) {
    await info.arrayBuffer();
    return null;
  }
  if (info.status !== 200) throw new Error(`Session ${id} is broken: ${info.status} ${await info.text()}`);
  const { steps, seed, nodes, variables } = (await info.json()) as Record<string, unknown>;
  const checkpoint = await get("/checkpoint");
  const bits = createHash("sha256")
    .update(new Uint8Array(await checkpoint.arrayBuffer()))
    .digest("hex");
  const statistics = await (await get("/moving-statistics")).text();
  return JSON.stringify({ steps, seed, nodes, variables, bits, statistics });
}
