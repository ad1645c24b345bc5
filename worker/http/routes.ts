/** Every route of the service: what it takes, what it answers. app.ts ties each to what does it, openapi.ts describes it. */
import type { GenericSchema } from "valibot";
import * as v from "valibot";
import {
  columnInfo,
  finding,
  fitInfo,
  fitSteps,
  health,
  layerStatistics,
  metaGraph,
  problem,
  runResult,
  sessionInfo,
} from "./answers.ts";
import { safetensorsType } from "./frame.ts";
import {
  createQuery,
  dataQuery,
  doctorBody,
  doctorQuery,
  exampleBody,
  fitBody,
  fitStepsBody,
  runBody,
  runQuery,
} from "./schemas.ts";

export const jsonType = "application/json";
export const protobufType = "application/x-protobuf";
export const problemType = "application/problem+json";

/** A body in one content type. Bytes have no schema. */
export interface Content {
  readonly schema?: GenericSchema;
  readonly text?: string;
}

export interface Contents {
  readonly [type: string]: Content;
}

export interface Answer {
  readonly text: string;
  readonly contents?: Contents;
  readonly headers?: { readonly [name: string]: string };
}

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly summary: string;
  readonly text?: string;
  readonly query?: v.StrictObjectSchema<v.ObjectEntries, undefined>;
  readonly headers?: { readonly [name: string]: string };
  readonly bodies?: Contents;
  readonly answer: Answer & { readonly status: number };
  /** Statuses of refusals besides those that every route has. */
  readonly refusals?: readonly number[];
  /** Answers without a token, too. */
  readonly open?: boolean;
}

const tensors: Content = { text: "A safetensors file." };

const callHeaderText = {
  "trainlet-call": "A name of your choice for this run, by which DELETE …/run stops it and no other.",
};

export const routes = {
  createSession: {
    method: "POST",
    path: "/v1/sessions",
    summary: "Makes a session from a graph",
    query: createQuery,
    bodies: {
      [jsonType]: { schema: v.union([exampleBody, metaGraph]) },
      [protobufType]: { text: "A MetaGraphDef: the .meta file of export_meta_graph." },
    },
    answer: {
      status: 201,
      text: "The session.",
      contents: { [jsonType]: { schema: sessionInfo } },
      headers: { location: "Where the session is." },
    },
    refusals: [413, 415, 422],
  },
  info: {
    method: "GET",
    path: "/v1/sessions/{id}",
    summary: "Tells what a session is",
    answer: { status: 200, text: "The session.", contents: { [jsonType]: { schema: sessionInfo } } },
  },
  close: {
    method: "DELETE",
    path: "/v1/sessions/{id}",
    summary: "Ends a session and frees its storage",
    answer: { status: 204, text: "It is gone." },
  },
  run: {
    method: "POST",
    path: "/v1/sessions/{id}/run",
    summary: "Runs a step, once or many times",
    text:
      "Runs of a session happen in order, each as a whole. What changed is stored before the answer is sent. A safetensors body " +
      "holds tensors named as the feeds; fetches, repeat and collect then stand in the query. Accept: " +
      "application/vnd.safetensors asks for such an answer, where a series is called series:<name>.",
    query: runQuery,
    headers: callHeaderText,
    bodies: { [jsonType]: { schema: runBody }, [safetensorsType]: tensors },
    answer: {
      status: 200,
      text: "What was fetched and collected.",
      contents: { [jsonType]: { schema: runResult }, [safetensorsType]: tensors },
    },
    refusals: [413, 415, 422],
  },
  stop: {
    method: "DELETE",
    path: "/v1/sessions/{id}/run",
    summary: "Stops the run that is under way",
    text:
      "It ends between two repetitions and answers 409 AbortedError with the step at which the session stands; what the steps " +
      "before changed stays. Does nothing where nothing runs.",
    headers: callHeaderText,
    answer: { status: 204, text: "It will end within a moment." },
  },
  doctor: {
    method: "POST",
    path: "/v1/sessions/{id}/doctor",
    summary: "Tells what is wrong with such a run, without running it",
    query: doctorQuery,
    bodies: { [jsonType]: { schema: doctorBody }, [safetensorsType]: tensors },
    answer: { status: 200, text: "Findings.", contents: { [jsonType]: { schema: v.array(finding) } } },
    refusals: [413, 415, 422],
  },
  movingStatistics: {
    method: "GET",
    path: "/v1/sessions/{id}/moving-statistics",
    summary: "Gives the moving statistics of every batch-norm layer",
    answer: { status: 200, text: "The layers.", contents: { [jsonType]: { schema: v.array(layerStatistics) } } },
  },
  checkpoint: {
    method: "GET",
    path: "/v1/sessions/{id}/checkpoint",
    summary: "Gives all variables, generators and counters",
    answer: { status: 200, text: "A safetensors file.", contents: { [safetensorsType]: tensors } },
  },
  restore: {
    method: "PUT",
    path: "/v1/sessions/{id}/checkpoint",
    summary: "Sets all variables from a checkpoint",
    text: "The session goes on with the same bits as the one that the checkpoint is from, on whatever host that was.",
    bodies: { [safetensorsType]: tensors },
    answer: { status: 204, text: "Done." },
    refusals: [413, 415],
  },
  listData: {
    method: "GET",
    path: "/v1/sessions/{id}/data",
    summary: "Lists the training data of a session",
    answer: { status: 200, text: "The data.", contents: { [jsonType]: { schema: v.array(columnInfo) } } },
  },
  putData: {
    method: "PUT",
    path: "/v1/sessions/{id}/data/{name}",
    summary: "Stores rows of training data next to the session",
    text: "The file holds one tensor, whose first dimension counts rows. Larger data come in parts, each with its first row.",
    query: dataQuery,
    bodies: { [safetensorsType]: tensors },
    answer: { status: 200, text: "What is stored now.", contents: { [jsonType]: { schema: columnInfo } } },
    refusals: [413, 415],
  },
  deleteData: {
    method: "DELETE",
    path: "/v1/sessions/{id}/data/{name}",
    summary: "Deletes training data",
    answer: { status: 204, text: "They are gone." },
  },
  startFit: {
    method: "PUT",
    path: "/v1/sessions/{id}/fit",
    summary: "Begins a fit over stored data",
    text:
      "Takes no step yet: POST …/fit/steps does. A fit that the session had is forgotten; its variables stay. After an " +
      "eviction a fit goes on where its last answered steps left it, with the same bits.",
    bodies: { [jsonType]: { schema: fitBody } },
    answer: { status: 200, text: "The fit.", contents: { [jsonType]: { schema: fitInfo } } },
    refusals: [413, 415, 422],
  },
  fit: {
    method: "GET",
    path: "/v1/sessions/{id}/fit",
    summary: "Tells where the fit stands",
    answer: { status: 200, text: "The fit.", contents: { [jsonType]: { schema: fitInfo } } },
  },
  fitSteps: {
    method: "POST",
    path: "/v1/sessions/{id}/fit/steps",
    summary: "Takes the next steps of the fit",
    text: "What changed is stored before the answer is sent. Between two such requests others have their turn.",
    bodies: { [jsonType]: { schema: fitStepsBody } },
    answer: { status: 200, text: "What the steps reported.", contents: { [jsonType]: { schema: fitSteps } } },
    refusals: [413, 415, 422],
  },
  openapi: {
    method: "GET",
    path: "/v1/openapi.json",
    summary: "This document",
    answer: { status: 200, text: "OpenAPI 3.1.", contents: { [jsonType]: { schema: v.looseObject({}) } } },
  },
  docs: {
    method: "GET",
    path: "/v1/docs",
    summary: "This document for people",
    answer: { status: 200, text: "A page.", contents: { "text/html": {} } },
  },
  health: {
    method: "GET",
    path: "/healthz",
    summary: "Says that the service is there",
    answer: { status: 200, text: "It is.", contents: { [jsonType]: { schema: health } } },
    open: true,
  },
} as const satisfies { readonly [id: string]: Route };

export type RouteId = keyof typeof routes;

export const allRoutes = Object.entries(routes) as [RouteId, Route][];

/** What every refusal is. */
export const refusal: Contents = { [problemType]: { schema: problem } };

/** What a status means here, and who may answer it. */
export const refusals: { readonly [status: number]: string } = {
  400: "The request, the graph or a value in it is wrong; the detail says where.",
  401: "The service wants a token, or another one.",
  404: "There is no such session, or nothing of that name in its graph.",
  409: "The session is not in a state for it: a variable has no value, the run was stopped, or too many requests wait (with Retry-After).",
  413: "A limit in bytes would be passed; the detail has the figure and the limit. Nothing was changed.",
  415: "The content type is none of those above.",
  422: "The graph uses what is not supported.",
  503: "The session cannot answer at the moment. A call that changes nothing may be repeated.",
};

/** Statuses that a route may refuse with. */
export function refusalsOf({ path, open, refusals = [] }: Route): number[] {
  if (open) return [];
  const ofSessions = path.startsWith("/v1/sessions") ? [400, 503] : [];
  const ofOne = path.includes("{id}") ? [404, 409] : [];
  return [401, ...ofSessions, ...ofOne, ...refusals].sort((a, b) => a - b);
}
