/** The OpenAPI 3.1 document of the routes, from the schemas that check requests and those of the answers. */
import { toJsonSchema, toJsonSchemaDefs, type ConversionConfig } from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";
import { version } from "../version.ts";
import {
  columnInfo,
  feedValue,
  finding,
  fitInfo,
  fitSteps,
  health,
  layerStatistics,
  metaGraph,
  nested,
  problem,
  runResult,
  sessionInfo,
  tensor,
} from "./answers.ts";
import {
  allRoutes,
  refusal,
  refusals,
  refusalsOf,
  type Answer,
  type Contents,
  type Route,
  type RouteId,
} from "./routes.ts";
import { doctorBody, exampleBody, feed, fitBody, runBody } from "./schemas.ts";

export type Json = { readonly [key: string]: unknown };

export interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: { readonly [path: string]: { readonly [method: string]: Operation } };
  readonly components: { readonly schemas: { readonly [name: string]: Json }; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

export interface Operation {
  readonly operationId: RouteId;
  readonly summary: string;
  readonly description?: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: MediaTypes };
  readonly responses: { readonly [status: string]: Response };
  readonly security: readonly object[];
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: Json;
}

export interface MediaTypes {
  readonly [type: string]: { readonly schema?: Json };
}

export interface Response {
  readonly description: string;
  readonly content?: MediaTypes;
  readonly headers?: Json;
}

const definitions: Record<string, GenericSchema> = {
  Example: exampleBody,
  MetaGraph: metaGraph,
  Session: sessionInfo,
  RunRequest: runBody,
  RunResult: runResult,
  DoctorRequest: doctorBody,
  Finding: finding,
  LayerStatistics: layerStatistics,
  Data: columnInfo,
  FitRequest: fitBody,
  Fit: fitInfo,
  FitSteps: fitSteps,
  Tensor: tensor,
  Feed: feedValue,
  Nested: nested,
  Health: health,
  Problem: problem,
};

const config: ConversionConfig = {
  target: "draft-2020-12",
  // What follows a check of our own, or a transformation, is not for the document.
  errorMode: "ignore",
  definitions,
  overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
  overrideSchema: ({ valibotSchema }) =>
    valibotSchema === (feed as unknown) ? { $ref: "#/components/schemas/Feed" } : undefined,
};

let made: OpenApi | null = null;

export function openApi(): OpenApi {
  made ??= make();
  return made;
}

function make(): OpenApi {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const [id, route] of allRoutes) {
    paths[route.path] ??= {};
    paths[route.path][route.method.toLowerCase()] = operation(id, route);
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "trainlet",
      version,
      description:
        "Trains TensorFlow 1 graphs. A session is made from a MetaGraphDef; names of the graph's tensors and operations " +
        "say what to feed and to fetch. docs/http.md tells more, with examples.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    } as OpenApi["info"],
    servers: [{ url: "/" }],
    security: [{}, { token: [] }],
    paths,
    components: {
      schemas: toJsonSchemaDefs(definitions, config) as OpenApi["components"]["schemas"],
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "Where the service has a token (TRAINLET_TOKEN)." },
      },
    },
  };
}

function operation(id: RouteId, route: Route): Operation {
  const { summary, text, bodies, answer } = route;
  const responses: Record<string, Response> = { [answer.status]: response(answer) };
  for (const status of refusalsOf(route)) responses[status] = response({ text: refusals[status], contents: refusal });
  return {
    operationId: id,
    summary,
    ...(text === undefined ? {} : { description: text }),
    parameters: parameters(route),
    ...(bodies ? { requestBody: { required: true, content: mediaTypes(bodies) } } : {}),
    responses,
    security: route.open ? [] : [{}, { token: [] }],
  };
}

function parameters({ path, query, headers = {} }: Route): Parameter[] {
  const inPath = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => ({
    name,
    in: "path" as const,
    required: true,
    description: name === "id" ? "The session's id, as POST /v1/sessions gave it." : "A name of your choice.",
    schema: { type: "string" },
  }));
  const inQuery = Object.entries(query?.entries ?? {}).map(([name, entry]) => {
    const { description, pattern, minimum, ...rest } = jsonSchema(entry as GenericSchema);
    // An integer in a query is text that the schema reads; the limits of safe ones are no news.
    const lower = minimum === undefined || minimum === Number.MIN_SAFE_INTEGER ? {} : { minimum };
    const schema = pattern === undefined ? rest : { ...rest, ...lower, type: "integer" };
    return { name, in: "query" as const, required: false, description: description as string | undefined, schema };
  });
  const inHeader = Object.entries(headers).map(([name, description]) => {
    return { name, in: "header" as const, required: false, description, schema: { type: "string" } };
  });
  return [...inPath, ...inQuery, ...inHeader];
}

function response({ text, contents, headers }: Answer): Response {
  return {
    description: text,
    ...(contents ? { content: mediaTypes(contents) } : {}),
    ...(headers ? { headers: headerObjects(headers) } : {}),
  };
}

function headerObjects(headers: { readonly [name: string]: string }): Json {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: "string" } }]),
  );
}

/** Bytes have no schema in OpenAPI 3.1. */
function mediaTypes(contents: Contents): MediaTypes {
  return Object.fromEntries(
    Object.entries(contents).map(([type, { schema }]) => [type, schema ? { schema: jsonSchema(schema) } : {}]),
  );
}

function jsonSchema(schema: GenericSchema): Json {
  const { $schema: _dialect, $defs: _shared, ...rest } = toJsonSchema(schema, config) as Json;
  return rest;
}
