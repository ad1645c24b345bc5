/** The service over HTTP: ties the routes of routes.ts to a host of sessions. */
import { Hono, type Context } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import { NotFoundError } from "../../src/graph/errors.ts";
import type { MovingStatistics, RunResult } from "../api.ts";
import type { SessionHost } from "../host.ts";
import { RunningCalls } from "../running.ts";
import { version } from "../version.ts";
import { discardBody } from "./body.ts";
import { fitRequestToJson, stepsToJson } from "./fitJson.ts";
import { encodeResult, safetensorsType } from "./frame.ts";
import { gate, type GateOptions } from "./gate.ts";
import { tensorToJson } from "./json.ts";
import { maxJsonResultBytes, maxResultBytes } from "./limits.ts";
import { callHeader } from "./names.ts";
import { HttpError, problemResponse } from "./problem.ts";
import { readCheckpoint, readFit, readFitSteps, readRequest, readRows, readSource } from "./read.ts";
import { allRoutes, jsonType, type RouteId } from "./routes.ts";
import { check, createQuery, dataQuery, doctorBody, doctorQuery, runBody, runQuery } from "./schemas.ts";

/** Sessions as the routes need them. */
export interface HttpHost extends SessionHost {
  /** @throws NotFoundError for an id of no session. Waits for no run. */
  exists(id: string): Promise<void>;
}

export interface HttpApp {
  fetch(request: Request): Promise<Response>;
  /** What is registered, for tests. */
  readonly routes: readonly { readonly method: string; readonly path: string }[];
}

/** Without options nothing is guarded: the edge does that before a request comes to its session. */
export function createApp(host: HttpHost, options?: GateOptions): HttpApp {
  const app = new Hono();
  app.onError((error) => problemResponse(error));
  app.use(async ({ req }, next) => {
    await next();
    await discardBody(req.raw);
  });
  app.notFound(({ req }) => problemResponse(new NotFoundError(`There is nothing at ${req.method} ${req.path}.`)));
  app.use(
    methodNotAllowed({ app, onMethodNotAllowed: ({ req }, allowed) => wrongMethod(req.method, req.path, allowed) }),
  );
  const handlers = handlersFor(host);
  for (const [id, { method, path }] of allRoutes) app.on(method, path.replace(/\{(\w+)\}/g, ":$1"), handlers[id]);
  return {
    fetch: async (request) => (options ? gate(options, request, () => app.fetch(request)) : app.fetch(request)),
    routes: app.routes.filter(({ method }) => method !== "ALL"),
  };
}

type Handler = (c: Context) => Promise<Response>;

function handlersFor(host: HttpHost): { readonly [Id in RouteId]: Handler } {
  const running = new RunningCalls();
  return {
    async createSession(c) {
      const options = check(createQuery, c.req.query(), "query");
      const info = await host.create(await readSource(c), options);
      return c.json(info, 201, { location: `/v1/sessions/${info.id}` });
    },
    info: async (c) => c.json(await host.info(idOf(c))),
    async close(c) {
      await host.close(idOf(c));
      return c.body(null, 204);
    },
    async run(c) {
      const request = await readRequest(c, runBody, runQuery);
      const isBinary = c.req.header("accept")?.includes(safetensorsType) ?? false;
      const limit = isBinary ? maxResultBytes : maxJsonResultBytes;
      const result = await running.run(idOf(c), callOf(c), (stop) => {
        // A sender that hangs up wants no answer.
        const signal = AbortSignal.any([stop, c.req.raw.signal]);
        return host.run(idOf(c), request, { signal, maxResultBytes: limit });
      });
      return isBinary ? binary(encodeResult(result)) : json(resultToJson(result));
    },
    async stop(c) {
      const reason = { name: "AbortedError", message: "The run was stopped by a request." };
      await host.exists(idOf(c));
      running.stop(idOf(c), callOf(c), reason);
      return c.body(null, 204);
    },
    async doctor(c) {
      return c.json(await host.doctor(idOf(c), await readRequest(c, doctorBody, doctorQuery)));
    },
    async movingStatistics(c) {
      const layers = await host.movingStatistics(idOf(c));
      return json(`[${layers.map(layerToJson).join(",")}]`);
    },
    checkpoint: async (c) => binary(await host.checkpoint(idOf(c))),
    async restore(c) {
      await host.restore(idOf(c), await readCheckpoint(c));
      return c.body(null, 204);
    },
    listData: async (c) => c.json(await host.listData(idOf(c))),
    async putData(c) {
      const { row = 0 } = check(dataQuery, c.req.query(), "query");
      return c.json(await host.putData(idOf(c), nameOf(c), await readRows(c), row));
    },
    async deleteData(c) {
      await host.deleteData(idOf(c), nameOf(c));
      return c.body(null, 204);
    },
    async startFit(c) {
      const { request, ...rest } = await host.startFit(idOf(c), await readFit(c));
      return c.json({ request: fitRequestToJson(request), ...rest });
    },
    async fit(c) {
      const { request, ...rest } = await host.fit(idOf(c));
      return c.json({ request: fitRequestToJson(request), ...rest });
    },
    async fitSteps(c) {
      return json(stepsToJson(await host.fitSteps(idOf(c), await readFitSteps(c))));
    },
    // Loaded when they are asked for: a session's object never is.
    async openapi(c) {
      const { openApi } = await import("./openapi.ts");
      return c.json(openApi());
    },
    async docs(c) {
      const [{ docsPage }, { openApi }] = await Promise.all([import("./docsPage.ts"), import("./openapi.ts")]);
      const { html, policy } = await docsPage(openApi());
      return c.html(html, 200, { "content-security-policy": policy });
    },
    health: async (c) => c.json({ status: "ok", version }),
  };
}

function idOf(c: Context): string {
  return c.req.param("id") ?? "";
}

function nameOf(c: Context): string {
  return c.req.param("name") ?? "";
}

function callOf(c: Context): string | null {
  return c.req.header(callHeader)?.slice(0, 100) ?? null;
}

function resultToJson({ fetches, series, warnings }: RunResult): string {
  const values = (tensors: RunResult["fetches"]): string =>
    Object.entries(tensors)
      .map(([name, tensor]) => `${JSON.stringify(name)}:${tensor ? tensorToJson(tensor) : "null"}`)
      .join(",");
  return `{"fetches":{${values(fetches)}},"series":{${values(series)}},"warnings":${JSON.stringify(warnings)}}`;
}

function layerToJson({ mean, variance, ...rest }: MovingStatistics): string {
  return `${JSON.stringify(rest).slice(0, -1)},"mean":${tensorToJson(mean)},"variance":${tensorToJson(variance)}}`;
}

function json(text: string): Response {
  return new Response(text, { headers: { "content-type": jsonType } });
}

function binary(bytes: Uint8Array): Response {
  return new Response(bytes as Uint8Array<ArrayBuffer>, { headers: { "content-type": safetensorsType } });
}

/** OPTIONS of a route that exists, and 405 for the rest. */
function wrongMethod(method: string, path: string, known: readonly string[]): Response {
  const allowed = [...known, "OPTIONS"].join(", ");
  const response =
    method === "OPTIONS"
      ? new Response(null, { status: 204 })
      : problemResponse(new HttpError(405, `${method} is not possible at ${path}, only ${allowed}.`));
  response.headers.set("allow", allowed);
  return response;
}
