/** Reading requests: a graph, or what to run, in each of their forms. */
import type { Context } from "hono";
import { decodeSafetensors } from "../../src/formats/safetensors.ts";
import { InvalidArgumentError } from "../../src/graph/errors.ts";
import type { FitRequest, GraphSource, RunRequest, TensorData } from "../api.ts";
import { parseJson, readBody } from "./body.ts";
import { fitRequestFromJson } from "./fit.ts";
import { decodeRequest, safetensorsType } from "./frame.ts";
import { maxGraphBytes, maxJsonBytes } from "./limits.ts";
import { HttpError } from "./problem.ts";
import { jsonType, protobufType } from "./routes.ts";
import {
  check,
  exampleBody,
  fitStepsBody,
  isExample,
  readFeeds,
  type doctorBody,
  type doctorQuery,
  type runBody,
  type runQuery,
} from "./schemas.ts";

export async function readSource(c: Context): Promise<GraphSource> {
  switch (contentType(c)) {
    case protobufType:
      return { metaGraph: await readBody(c.req.raw, maxGraphBytes, "The graph") };
    case jsonType: {
      const body = parseJson(await readBody(c.req.raw, maxGraphBytes, "The graph"));
      return isExample(body) ? (check(exampleBody, body) as GraphSource) : { metaGraph: body as object };
    }
    default:
      throw wrongType(c, [jsonType, protobufType]);
  }
}

/** A request as JSON, or as a safetensors file with what is no tensor in the query or in the file's metadata. */
export async function readRequest<Body extends typeof runBody | typeof doctorBody>(
  c: Context,
  body: Body,
  query: typeof runQuery | typeof doctorQuery,
): Promise<RunRequest> {
  const asked = check(query, readQuery(c), "query");
  switch (contentType(c)) {
    case jsonType: {
      const json = parseJson(await readBody(c.req.raw, maxJsonBytes, "A body in JSON"));
      const { feeds, ...rest } = check(body, merge(json, asked));
      return { ...rest, feeds: readFeeds(feeds) };
    }
    case safetensorsType: {
      const { request, feeds: tensors } = decodeRequest(await readBody(c.req.raw));
      const { feeds, ...rest } = check(body, merge(request, asked));
      return { ...rest, feeds: readFeeds(feeds, tensors) };
    }
    default:
      throw wrongType(c, [jsonType, safetensorsType]);
  }
}

export async function readCheckpoint(c: Context): Promise<Uint8Array> {
  if (contentType(c) !== safetensorsType) throw wrongType(c, [safetensorsType]);
  return readBody(c.req.raw);
}

/** Rows of data: the only tensor of a file. */
export async function readRows(c: Context): Promise<TensorData> {
  if (contentType(c) !== safetensorsType) throw wrongType(c, [safetensorsType]);
  const { tensors } = decodeSafetensors(await readBody(c.req.raw));
  const [rows] = tensors.values();
  if (!rows || tensors.size > 1)
    throw new InvalidArgumentError(`The file must hold one tensor, the rows; it has ${tensors.size}.`);
  return rows;
}

export async function readFit(c: Context): Promise<FitRequest> {
  return fitRequestFromJson(await readJson(c));
}

export async function readFitSteps(c: Context): Promise<number> {
  return check(fitStepsBody, await readJson(c)).count ?? 1;
}

async function readJson(c: Context): Promise<unknown> {
  if (contentType(c) !== jsonType) throw wrongType(c, [jsonType]);
  return parseJson(await readBody(c.req.raw, maxJsonBytes, "A body in JSON"));
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

function contentType(c: Context): string {
  return (c.req.header("content-type") ?? "").split(";")[0].trim().toLowerCase();
}

function wrongType(c: Context, known: readonly string[]): HttpError {
  const given = c.req.header("content-type") ?? "none";
  return new HttpError(415, `The content type is ${given}, it must be ${known.join(" or ")}.`);
}
