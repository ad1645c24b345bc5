import { beforeAll, describe, expect, test } from "vitest";
import "../../src/entry/node.ts";
import { encodeSafetensors } from "../../src/formats/safetensors.ts";
import * as tf from "../../src/index.ts";
import { createApp } from "../../worker/http/app.ts";
import { maxGraphBytes, maxJsonBytes, maxNames, maxTensorBytes } from "../../worker/http/limits.ts";
import { LocalHost } from "../../worker/localHost.ts";
import { checkAnswer } from "./conforms.ts";

const app = createApp(new LocalHost());
const json = "application/json";
const safetensors = "application/vnd.safetensors";
let session: string;

/** y = 2 x for x [?]; large is a variable of 4 MiB; init. */
function graph(): tf.Graph {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    tf.multiply(tf.placeholder(tf.float32, [null], "x"), 2, "y");
    tf.getVariable("large", [2 ** 20], { initializer: tf.zerosInitializer() });
    tf.globalVariablesInitializer();
  });
  return graph;
}

async function send(path: string, body: BodyInit, type = json, accept = json): Promise<[number, string]> {
  const init = { method: "POST", body, headers: { "content-type": type, accept } };
  const request = new Request(`http://localhost${path}`, init);
  const response = await app.fetch(request);
  await checkAnswer(request, response);
  const { detail } = (await response.json()) as { detail?: string };
  return [response.status, detail ?? ""];
}

const run = (body: unknown, accept?: string): Promise<[number, string]> =>
  send(`${session}/run`, JSON.stringify(body), json, accept);

beforeAll(async () => {
  const init = {
    method: "POST",
    body: JSON.stringify(await tf.exportMetaGraphJson(graph())),
    headers: { "content-type": json },
  };
  const response = await app.fetch(new Request("http://localhost/v1/sessions", init));
  session = response.headers.get("location")!;
  await run({ fetches: ["init"] });
});

describe("413: bytes", () => {
  test.each([json, "application/x-protobuf"])("a graph as %s", async (type) => {
    const body = new Uint8Array(maxGraphBytes + 1024 ** 2).fill(0x20);
    expect(await send("/v1/sessions", body, type)).toEqual([413, "The graph has 9.0 MiB, the limit is 8.0 MiB."]);
  });

  test("a run in JSON; as safetensors it may be larger", async () => {
    const body = new Uint8Array(maxJsonBytes + 1024 ** 2).fill(0x20);
    expect(await send(`${session}/run`, body)).toEqual([413, "A body in JSON has 9.0 MiB, the limit is 8.0 MiB."]);
    const x = { dtype: "float32", shape: [2.5 * 2 ** 20], data: new Float32Array(2.5 * 2 ** 20) } as const;
    expect((await send(`${session}/run?fetches=large`, encodeSafetensors([["x:0", x]]), safetensors))[0]).toBe(200);
  });

  test("a tensor, before it is allocated", async () => {
    const values = Array.from({ length: maxTensorBytes / 8 + 1 }, () => 0);
    const sentence = "'feeds.x:0' has 16.0 MiB, the limit is 16.0 MiB.";
    expect(await run({ fetches: ["y:0"], feeds: { "x:0": values } })).toEqual([413, sentence]);
    expect(await run({ fetches: ["y:0"], feeds: { "x:0": { data: values } } })).toEqual([413, sentence]);
    const file = encodeSafetensors([
      ["x:0", { dtype: "float32", shape: [maxTensorBytes / 4 + 1], data: new Float32Array(maxTensorBytes / 4 + 1) }],
    ]);
    expect(await send(`${session}/run?fetches=y:0`, file, safetensors)).toEqual([413, sentence]);
  });

  test("all tensors of a request", async () => {
    const values = Array.from({ length: 1.1 * 2 ** 20 }, () => 0);
    const feeds = { a: values, b: { data: values }, c: { dtype: "float64", data: values } };
    expect(await run({ fetches: ["y:0"], feeds })).toEqual([
      413,
      "'feeds.c' and the feeds before it have 26.4 MiB, the limit is 24.0 MiB.",
    ]);
  });

  test("what a run would give, before it starts", async () => {
    const read = "large/read:0";
    expect((await run({ fetches: [read] }))[0]).toBe(200);
    expect(await run({ fetches: [], collect: [read], repeat: 3 })).toEqual([
      413,
      "The result would have 12.0 MiB, the limit is 8.0 MiB. Fetch or collect less, or repeat less often.",
    ]);
    const [status, detail] = await run({ fetches: [], collect: [read], repeat: 1_000_000 }, safetensors);
    expect([status, detail.slice(0, 44)]).toEqual([413, "The result would have 3906.3 GiB, the limit "]);
  });

  test("variables that no run could hold: there is no session", async () => {
    const body = JSON.stringify({ example: "tutorial" });
    const [status, detail] = await send("/v1/sessions?maxMemoryBytes=4000", body);
    expect(status).toBe(413);
    expect(detail).toMatch(
      /^The variables of this graph need 4\.0 KiB, the limit is 3\.9 KiB \(largest: 'conv_1\/kernel' \[3,3,3,32\] float32, 3\.4 KiB\)\.$/,
    );
  });

  test("a plan that does not fit: nothing was changed", async () => {
    const init = { method: "POST", body: '{"example":"tutorial"}', headers: { "content-type": json } };
    const made = await app.fetch(new Request("http://localhost/v1/sessions?maxMemoryBytes=100000", init));
    const small = made.headers.get("location")!;
    expect((await send(`${small}/run`, '{"fetches":["init"]}'))[0]).toBe(200);
    const before = await (await app.fetch(new Request(`http://localhost${small}/checkpoint`))).bytes();
    const photo = { shape: [1, 100, 100, 3], data: Array.from({ length: 30_000 }, () => 1) };
    const [status, detail] = await send(
      `${small}/run`,
      JSON.stringify({ fetches: ["train_op"], feeds: { "input_node:0": photo }, repeat: 10 }),
    );
    expect(status).toBe(413);
    expect(detail).toMatch(/^This step needs [\d.]+ KiB of tensor memory, the limit is 97\.7 KiB \(largest: /);
    expect(await (await app.fetch(new Request(`http://localhost${small}/checkpoint`))).bytes()).toEqual(before);
  });
});

describe("400: counts, with the path", () => {
  const many = Array.from({ length: maxNames + 1 }, (_, i) => `n${i}`);

  test.each([
    [{ fetches: many }, "'fetches' must be at most 1000 names"],
    [{ fetches: [], collect: many }, "'collect' must be at most 1000 names"],
    [{ fetches: [], feeds: Object.fromEntries(many.map((name) => [name, 1])) }, "'feeds' must be at most 1000 tensors"],
    [{ fetches: ["a".repeat(1001)] }, "'fetches.0' must be a name of at most 1000 characters"],
    [{ fetches: [], repeat: 1_000_001 }, "'repeat' must be at most 1000000"],
  ])("%#", async (body, sentence) => {
    const [status, detail] = await run(body);
    expect(status).toBe(400);
    expect(detail).toContain(sentence);
  });

  test("brackets within brackets, before anything walks through them", async () => {
    const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
    const nested = `${'{"a":'.repeat(200_000)}1${"}".repeat(200_000)}`;
    for (const body of [deep, nested, `{"graphDef":${nested}}`]) {
      expect(await send("/v1/sessions", body)).toEqual([400, "The body is nested more than 128 deep."]);
      expect((await send(`${session}/run`, body))[0]).toBe(400);
    }
    // Brackets in strings are none.
    const [status, detail] = await run({ fetches: [`\\"${"[{".repeat(200)}:0`] });
    expect([status, detail]).not.toEqual([400, "The body is nested more than 128 deep."]);
  });

  test("a sentence stays short, whatever was sent", async () => {
    const [status, detail] = await run({ fetches: [], feeds: { ["x".repeat(100_000)]: null } });
    expect(status).toBe(400);
    expect(detail.length).toBeLessThan(2100);
  });
});
