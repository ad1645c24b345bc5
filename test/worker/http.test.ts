import { beforeEach, describe, expect, test } from "vitest";
import "../../src/entry/node.ts";
import { decodeSafetensors, encodeSafetensors } from "../../src/formats/safetensors.ts";
import * as tf from "../../src/index.ts";
import { createApp, type HttpApp } from "../../worker/http/app.ts";
import { maxJsonBytes } from "../../worker/http/limits.ts";
import { LocalHost } from "../../worker/localHost.ts";
import { checkAnswer } from "./conforms.ts";

const json = "application/json";
const safetensors = "application/vnd.safetensors";

/** y = 2 x for float32 x [?,3]; n passes int64 on; flag passes a bool on; counter is a variable. */
function smallGraph(): tf.Graph {
  const graph = new tf.Graph();
  graph.asDefault(() => {
    const x = tf.placeholder(tf.float32, [null, 3], "x");
    tf.multiply(x, 2, "y");
    tf.identity(tf.placeholder(tf.int64, null, "n_in"), "n");
    tf.identity(tf.placeholder(tf.bool, null, "flag_in"), "flag");
    const counter = tf.getVariable("counter", [], { initializer: tf.zerosInitializer() });
    tf.assignAdd(counter, 1, "count");
    tf.globalVariablesInitializer();
  });
  return graph;
}

let app: HttpApp;
let session: string;

beforeEach(async () => {
  app = createApp(new LocalHost());
  const response = await send("POST", "/v1/sessions", await tf.exportMetaGraphJson(smallGraph()));
  session = response.headers.get("location") ?? (await response.text());
});

/** Sends a JSON body, unless it is bytes or text of another type. */
async function send(
  method: string,
  path: string,
  body?: unknown,
  headers: { readonly [name: string]: string } = { "content-type": json },
): Promise<Response> {
  const isRaw = body === undefined || typeof body === "string" || body instanceof Uint8Array;
  const text = isRaw ? (body as BodyInit | undefined) : JSON.stringify(body);
  const request = new Request(`http://localhost${path}`, { method, body: text, headers });
  const response = await app.fetch(request);
  await checkAnswer(request, response);
  return response;
}

async function run(body: unknown): Promise<unknown> {
  return (await send("POST", `${session}/run`, body)).json();
}

interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
}

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const problem = (await response.json()) as Problem;
  expect(problem.status).toBe(response.status);
  return problem;
}

describe("tensors as JSON", () => {
  test("numbers, nested arrays, and tensors with flat or nested data", async () => {
    const y = { dtype: "float32", shape: [1, 3], data: [0.2, -2, 4e30] };
    const forms = [
      [[0.1, -1, 2e30]],
      { data: [[0.1, -1, 2e30]] },
      { shape: [1, 3], data: [0.1, -1, 2e30] },
      { dtype: "float32", shape: [1, 3], data: [0.1, -1, 2e30] },
      { dtype: "float64", data: [[0.1, -1, 2e30]] },
    ];
    for (const form of forms) {
      expect(await run({ fetches: ["y:0"], feeds: { "x:0": form } })).toMatchObject({ fetches: { "y:0": y } });
    }
  });

  test("what JSON has no numbers for", async () => {
    const values = ["NaN", "Infinity", "-Infinity"];
    const answer = await run({ fetches: ["y:0"], feeds: { "x:0": [values] } });
    expect(answer).toMatchObject({ fetches: { "y:0": { data: values } } });
    const response = await send("POST", `${session}/run`, '{"fetches":["y:0"],"feeds":{"x:0":[[-0,0,1e-45]]}}');
    expect(await response.text()).toContain('"data":[-0,0,2.80260e-45]'.replace("2.80260e-45", "2.8026e-45"));
  });

  test("int64 as text, taken as text and as numbers", async () => {
    const data = ["9223372036854775807", "-5", 7];
    const answer = await run({ fetches: ["n:0"], feeds: { "n_in:0": { dtype: "int64", shape: [3], data } } });
    expect(answer).toMatchObject({
      fetches: { "n:0": { dtype: "int64", shape: [3], data: ["9223372036854775807", "-5", "7"] } },
    });
  });

  test("bool", async () => {
    const forms = [[true, false], { dtype: "bool", data: [true, false] }];
    for (const form of forms) {
      expect(await run({ fetches: ["flag:0"], feeds: { "flag_in:0": form } })).toMatchObject({
        fetches: { "flag:0": { dtype: "bool", shape: [2], data: [true, false] } },
      });
    }
  });

  test("operations are null, repeat and collect give series, a scalar has no shape", async () => {
    await run({ fetches: ["init"] });
    expect(await run({ fetches: ["count"], repeat: 3, collect: ["count:0"] })).toEqual({
      fetches: { count: null },
      series: { "count:0": { dtype: "float32", shape: [3], data: [1, 2, 3] } },
      warnings: [],
    });
    expect(await run({ fetches: ["counter/read:0"] })).toMatchObject({
      fetches: { "counter/read:0": { dtype: "float32", shape: [], data: [3] } },
    });
  });
});

describe("safetensors", () => {
  const x = { dtype: "float32", shape: [2, 3], data: new Float32Array([1, 2, 3, 4, 5, 6]) } as const;
  const headers = { "content-type": safetensors };

  test("tensors named as feeds, the rest in the query", async () => {
    const body = encodeSafetensors([["x:0", x]]);
    const response = await send("POST", `${session}/run?fetches=y:0,x:0&fetches=n_in`, body, headers);
    expect(await problemOf(response)).toMatchObject({ status: 400 });
    const query = "fetches=y:0,x:0&repeat=2&collect=y:0";
    const answer = (await (await send("POST", `${session}/run?${query}`, body, headers)).json()) as object;
    expect(answer).toMatchObject({
      fetches: { "y:0": { shape: [2, 3], data: [2, 4, 6, 8, 10, 12] }, "x:0": { data: [1, 2, 3, 4, 5, 6] } },
      series: { "y:0": { shape: [2, 2, 3] } },
    });
  });

  test("the answer, too, where it is accepted", async () => {
    await run({ fetches: ["init"] });
    const body = encodeSafetensors([["x:0", x]]);
    const path = `${session}/run?fetches=y:0,counter/read:0,count&repeat=2&collect=y:0`;
    const response = await send("POST", path, body, { ...headers, accept: safetensors });
    expect(response.headers.get("content-type")).toBe(safetensors);
    const { tensors, metadata } = decodeSafetensors(new Uint8Array(await response.arrayBuffer()));
    expect([...tensors.keys()].sort()).toEqual(["counter/read:0", "series:y:0", "y:0"]);
    expect(tensors.get("counter/read:0")).toEqual({ dtype: "float32", shape: [], data: new Float32Array([2]) });
    expect(metadata).toEqual({ null_fetches: '["count"]', warnings: "[]" });
  });

  test("a damaged file is refused", async () => {
    const body = encodeSafetensors([["x:0", x]]).subarray(0, -4);
    const problem = await problemOf(await send("POST", `${session}/run?fetches=y:0`, body, headers));
    expect(problem.detail).toContain("cut short");
  });
});

describe("refusals", () => {
  const deep = JSON.parse(`${"[".repeat(100)}1${"]".repeat(100)}`) as unknown;

  test.each([
    [{}, "'fetches' must be given, it is missing."],
    [[], "'body' must be an object, it is an array."],
    [5, "'body' must be an object, it is 5."],
    [{ fetches: "y:0" }, "'fetches' must be an array, it is \"y:0\"."],
    [{ fetches: ["y:0", 3] }, "'fetches.1' must be a string, it is 3."],
    [{ fetches: [], feed: {} }, "'feed' is not known here."],
    [{ fetches: [], repeat: "2" }, "'repeat' must be a number, it is \"2\"."],
    [{ fetches: [], repeat: 1e7 }, "'repeat' must be at most 1000000, it is 10000000."],
    [{ fetches: [], repeat: 1.5 }, "repeat must be an integer of at least 1, got 1.5."],
    [{ fetches: [], feeds: [] }, "'feeds' must be an object, it is an array."],
    [{ fetches: [], feeds: { "x:0": null } }, "'feeds.x:0' must be a number"],
    [{ fetches: [], feeds: { "x:0": [[1, "two", 3]] } }, "'feeds.x:0[0][1]' must be a number"],
    [{ fetches: [], feeds: { "x:0": { shape: [1] } } }, "'feeds.x:0.data' must be"],
    [{ fetches: [], feeds: { "x:0": { data: [1], shape: [-1] } } }, "'feeds.x:0.shape' must be an array of sizes"],
    [{ fetches: [], feeds: { "x:0": { data: [1], type: "float32" } } }, "'feeds.x:0.type' must be absent"],
    [{ fetches: [], feeds: { "x:0": { data: [1], dtype: "float16" } } }, "'feeds.x:0.dtype' must be one of float32"],
    [
      { fetches: [], feeds: { "x:0": { data: [1.5], dtype: "int32" } } },
      "'feeds.x:0.data[0]' must be a value of int32, it is 1.5.",
    ],
    [
      { fetches: [], feeds: { "x:0": { data: [256], dtype: "uint8" } } },
      "'feeds.x:0.data[0]' must be a value of uint8, it is 256.",
    ],
    [{ fetches: [], feeds: { "x:0": { data: [1], dtype: "bool" } } }, "'feeds.x:0.data[0]' must be true or false"],
    [{ fetches: [], feeds: { "x:0": { data: [[1], [1, 2]] } } }, "'feeds.x:0.data[1]' must be of the shape [1]"],
    [{ fetches: [], feeds: { "x:0": deep } }, "nested at most 32 deep"],
    [{ fetches: [], feeds: { "x:0": { data: deep } } }, "nested at most 32 deep"],
    [
      { fetches: ["y:0"], feeds: { "x:0": { data: [1, 2], shape: [1, 3] } } },
      "has 2 elements, its shape [1,3] needs 3",
    ],
  ])("run %j", async (body, sentence) => {
    const problem = await problemOf(await send("POST", `${session}/run`, body));
    expect(problem).toMatchObject({
      status: 400,
      type: "urn:trainlet:InvalidArgumentError",
      title: "Invalid Argument",
    });
    expect(problem.detail).toContain(sentence);
  });

  test.each([
    ["", "The body is not JSON"],
    ['{"fetches":[}', "The body is not JSON"],
    ['{"example":5}', "'example' must be a string, it is 5."],
    ['{"example":"none"}', "There is no example 'none'. Known: tutorial, tutorial-forgotten, mnist, mnist-forgotten."],
    ['{"example":"tutorial","seed":1}', "'seed' is not known here."],
    ["{}", "graph"],
    ["null", ""],
  ])("a session from %j", async (body, sentence) => {
    const problem = await problemOf(await send("POST", "/v1/sessions", body));
    expect(problem.status).toBe(400);
    expect(problem.detail).toContain(sentence);
  });

  test("options of a session are checked", async () => {
    const example = { example: "tutorial" };
    const response = await send("POST", "/v1/sessions?seed=3&maxMemoryBytes=1000000", example);
    expect(await response.json()).toMatchObject({ seed: 3 });
    for (const [query, sentence] of [
      ["seed=x", "'query.seed' must be an integer, it is \"x\"."],
      ["maxMemoryBytes=0", "'query.maxMemoryBytes' must be at least 1, it is 0."],
      ["memory=1", "'query.memory' is not known here."],
    ]) {
      expect((await problemOf(await send("POST", `/v1/sessions?${query}`, example))).detail).toBe(sentence);
    }
  });

  test("each class has its status", async () => {
    const status = async (body: unknown): Promise<unknown[]> => {
      const { type, status } = await problemOf(await send("POST", `${session}/run`, body));
      return [type.replace("urn:trainlet:", ""), status];
    };
    expect(await status({ fetches: ["none:0"] })).toEqual(["NotFoundError", 404]);
    expect(await status({ fetches: ["counter/read:0"] })).toEqual(["FailedPreconditionError", 409]);
    const large = await send("POST", "/v1/sessions?maxMemoryBytes=5000", { example: "tutorial" });
    session = large.headers.get("location")!;
    expect(await status({ fetches: ["init"] })).toEqual(["ResourceExhaustedError", 413]);
    const created = await send("POST", "/v1/sessions", {
      graphDef: { node: [{ name: "odd", op: "Cholesky", attr: { T: { type: "DT_FLOAT" } } }] },
    });
    session = created.headers.get("location") ?? (await created.text());
    expect(await status({ fetches: ["odd"] })).toEqual(["UnimplementedError", 422]);
  });

  test("an accident of ours is 500, and says what", async () => {
    const broken = Object.assign(new LocalHost(), { info: () => Promise.reject(new TypeError("x is undefined")) });
    app = createApp(broken);
    expect(await problemOf(await send("GET", session))).toMatchObject({
      type: "urn:trainlet:InternalError",
      status: 500,
      detail: expect.stringContaining("x is undefined") as string,
    });
  });

  test("unknown routes, wrong methods, wrong types", async () => {
    expect(await problemOf(await send("GET", "/v1/none"))).toMatchObject({ status: 404 });
    expect(await problemOf(await send("GET", `${session}/none`))).toMatchObject({ status: 404 });
    const wrong = await send("PUT", `${session}/run`, {});
    expect(wrong.headers.get("allow")).toBe("POST, DELETE, OPTIONS");
    expect(await problemOf(wrong)).toMatchObject({ status: 405 });
    const put = await send("POST", `${session}/checkpoint`, {});
    expect(put.headers.get("allow")?.split(", ").sort()).toEqual(["GET", "HEAD", "OPTIONS", "PUT"]);
    const form = { "content-type": "application/x-www-form-urlencoded" };
    for (const [method, path] of [
      ["POST", "/v1/sessions"],
      ["POST", `${session}/run`],
      ["POST", `${session}/doctor`],
      ["PUT", `${session}/checkpoint`],
    ]) {
      expect(await problemOf(await send(method, path, "a=1", form))).toMatchObject({ status: 415 });
    }
  });

  test("bodies over the limit, declared or not", async () => {
    const declared = { "content-type": json, "content-length": String(maxJsonBytes + 1) };
    expect(await problemOf(await send("POST", `${session}/run`, "{}", declared))).toMatchObject({ status: 413 });
    // Read to its end, so that the answer arrives; but not without end.
    const stream = async (mebibytes: number): Promise<number> => {
      let sent = 0;
      const body = new ReadableStream({
        pull(controller) {
          controller.enqueue(new Uint8Array(2 ** 20).fill(0x20));
          if (++sent === mebibytes) controller.close();
        },
      });
      const init = { method: "POST", body, headers: { "content-type": json }, duplex: "half" } as RequestInit;
      const response = await app.fetch(new Request(`http://localhost${session}/run`, init));
      expect(await problemOf(response)).toMatchObject({ status: 413, type: "urn:trainlet:ResourceExhaustedError" });
      return sent;
    };
    expect(await stream(40)).toBe(40);
    expect(await stream(1000)).toBeLessThan(140);
  });
});
