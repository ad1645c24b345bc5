/**
 * The service over HTTP. The routes, all under /v1:
 *
 *   POST   /sessions                          a graph → 201, the session's info
 *   GET    /sessions/{id}                     info
 *   DELETE /sessions/{id}                     close
 *   POST   /sessions/{id}/run                 fetches, feeds, repeat, collect → values
 *   POST   /sessions/{id}/doctor              fetches, feeds → findings
 *   GET    /sessions/{id}/moving-statistics   the batch-norm layers
 *   GET    /sessions/{id}/checkpoint          a safetensors file
 *   PUT    /sessions/{id}/checkpoint          restore it
 */
import { Hono, type Context } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import { InvalidArgumentError, NotFoundError } from "../../src/graph/errors.ts";
import type { DoctorRequest, GraphSource, MovingStatistics, RunRequest, RunResult } from "../api.ts";
import type { SessionHost } from "../host.ts";
import { discardBody, readBody } from "./body.ts";
import { decodeRequest, encodeResult, safetensorsType } from "./frame.ts";
import { tensorToJson } from "./json.ts";
import { HttpError, problemResponse } from "./problem.ts";
import {
  check,
  createQuery,
  doctorBody,
  doctorQuery,
  exampleBody,
  isExample,
  readFeeds,
  runBody,
  runQuery,
} from "./schemas.ts";

export interface HttpApp {
  fetch(request: Request): Response | Promise<Response>;
}

export function createApp(host: SessionHost): HttpApp {
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

  app.post("/v1/sessions", async (c) => {
    const options = check(createQuery, c.req.query(), "query");
    const info = await host.create(await readSource(c), options);
    return c.json(info, 201, { location: `/v1/sessions/${info.id}` });
  });
  app.get("/v1/sessions/:id", async (c) => c.json(await host.info(c.req.param("id"))));
  app.delete("/v1/sessions/:id", async (c) => {
    await host.close(c.req.param("id"));
    return c.body(null, 204);
  });

  app.post("/v1/sessions/:id/run", async (c) => {
    const result = await host.run(c.req.param("id"), await readRequest(c, runBody, runQuery));
    return c.req.header("accept")?.includes(safetensorsType)
      ? binary(encodeResult(result))
      : json(resultToJson(result));
  });
  app.post("/v1/sessions/:id/doctor", async (c) => {
    const request: DoctorRequest = await readRequest(c, doctorBody, doctorQuery);
    return c.json(await host.doctor(c.req.param("id"), request));
  });
  app.get("/v1/sessions/:id/moving-statistics", async (c) => {
    const layers = await host.movingStatistics(c.req.param("id"));
    return json(`[${layers.map(layerToJson).join(",")}]`);
  });

  app.get("/v1/sessions/:id/checkpoint", async (c) => binary(await host.checkpoint(c.req.param("id"))));
  app.put("/v1/sessions/:id/checkpoint", async (c) => {
    if (contentType(c) !== safetensorsType) throw wrongType(c, [safetensorsType]);
    await host.restore(c.req.param("id"), await readBody(c.req.raw));
    return c.body(null, 204);
  });
  return app;
}

async function readSource(c: Context): Promise<GraphSource> {
  switch (contentType(c)) {
    case "application/x-protobuf":
      return { metaGraph: await readBody(c.req.raw) };
    case "application/json": {
      const body = await readJson(c);
      return isExample(body) ? (check(exampleBody, body) as GraphSource) : { metaGraph: body as object };
    }
    default:
      throw wrongType(c, ["application/json", "application/x-protobuf"]);
  }
}

/** A request as JSON, or as a safetensors file with what is no tensor in the query or in the file's metadata. */
async function readRequest<Body extends typeof runBody | typeof doctorBody>(
  c: Context,
  body: Body,
  query: typeof runQuery | typeof doctorQuery,
): Promise<RunRequest> {
  const asked = check(query, readQuery(c), "query");
  switch (contentType(c)) {
    case "application/json": {
      const json = await readJson(c);
      const { feeds, ...rest } = check(body, merge(json, asked));
      return { ...rest, feeds: readFeeds(feeds) };
    }
    case safetensorsType: {
      const { request, feeds: tensors } = decodeRequest(await readBody(c.req.raw));
      const { feeds, ...rest } = check(body, merge(request, asked));
      return { ...rest, feeds: { ...readFeeds(feeds), ...tensors } };
    }
    default:
      throw wrongType(c, ["application/json", safetensorsType]);
  }
}

const queryLists = new Set(["fetches", "collect"]);

function readQuery(c: Context): unknown {
  return Object.fromEntries(
    Object.entries(c.req.queries()).map(([key, values]) => [
      key,
      queryLists.has(key) ? values.flatMap((value) => value.split(",")) : values[0],
    ]),
  );
}

/** Bodies that are no objects are left to the schema. */
function merge(body: unknown, query: object): unknown {
  return typeof body === "object" && body !== null && !Array.isArray(body) ? { ...body, ...query } : body;
}

async function readJson(c: Context): Promise<unknown> {
  const bytes = await readBody(c.req.raw);
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new InvalidArgumentError(`The body is not JSON: ${(error as Error).message}.`, { cause: error });
  }
}

function contentType(c: Context): string {
  return (c.req.header("content-type") ?? "").split(";")[0].trim().toLowerCase();
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
  return new Response(text, { headers: { "content-type": "application/json" } });
}

function binary(bytes: Uint8Array): Response {
  return new Response(bytes as Uint8Array<ArrayBuffer>, { headers: { "content-type": safetensorsType } });
}

// Refusals that are HTTP's own

function wrongType(c: Context, known: readonly string[]): HttpError {
  const given = c.req.header("content-type") ?? "none";
  return new HttpError(415, `The content type is ${given}, it must be ${known.join(" or ")}.`);
}

function wrongMethod(method: string, path: string, allowed: readonly string[]): Response {
  const error = new HttpError(405, `${method} is not possible at ${path}, only ${allowed.join(", ")}.`);
  const response = problemResponse(error);
  response.headers.set("allow", allowed.join(", "));
  return response;
}
