/** The Worker: looks at who asks, gives each session a Durable Object and hands its requests on. The object checks them. */
import { InternalError, UnavailableError } from "../../src/graph/errors.ts";
import { createApp, type HttpHost } from "../http/app.ts";
import { discardBody } from "../http/body.ts";
import { gate } from "../http/gate.ts";
import { problemResponse } from "../http/problem.ts";
import { sessionNotFound } from "../service.ts";
import type { SessionObject } from "./sessionObject.ts";

export { SessionObject } from "./sessionObject.ts";

/** Bindings that the Worker needs, and those that it may have. docs/deploy.md says what they do. */
export interface Env {
  readonly SESSIONS: DurableObjectNamespace<SessionObject>;
  /** A secret. Every request then needs it as a bearer token. */
  readonly TRAINLET_TOKEN?: string;
  /** Origins whose pages may call the service, separated by commas, or "*". Default: none. */
  readonly TRAINLET_CORS_ORIGINS?: string;
  /** Seconds after which a session that nobody uses is deleted; 0 is never. Default: a week. */
  readonly TRAINLET_IDLE_SECONDS?: string;
}

/** Answers what is no session's: it knows the routes and their methods, and none leads to a session here. */
const front = createApp({} as HttpHost);

const worker = {
  fetch(request: Request, env: Env): Promise<Response> {
    const { TRAINLET_TOKEN: token, TRAINLET_CORS_ORIGINS: corsOrigins } = env;
    return gate({ token, corsOrigins }, request, () => answer(request, env));
  },
} satisfies ExportedHandler<Env>;

export default worker;

async function answer(request: Request, env: Env): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === "/v1/sessions" && request.method === "POST") {
    return ask(env.SESSIONS.get(env.SESSIONS.newUniqueId()), request);
  }
  const [, id] = /^\/v1\/sessions\/([^/]+)(?:\/.*)?$/.exec(pathname) ?? [];
  if (id === undefined) return front.fetch(request);
  const object = find(env.SESSIONS, id);
  if (object) return ask(object, request);
  await discardBody(request);
  return problemResponse(sessionNotFound(decode(id)));
}

/** What an object throws is the platform's: it was reset, overloaded or replaced by a new version. */
async function ask(object: DurableObjectStub, request: Request): Promise<Response> {
  try {
    return await object.fetch(request);
  } catch (error) {
    const { message, retryable, overloaded } = error as Error & { retryable?: boolean; overloaded?: boolean };
    if (!retryable && !overloaded && !/reset|restarted|lost|evict/i.test(message)) {
      return problemResponse(new InternalError(`An accident of ours: ${message}.`, { cause: error }));
    }
    const sentence = `The session cannot answer at the moment: ${message} What was answered before is stored.`;
    const response = problemResponse(new UnavailableError(sentence));
    response.headers.set("retry-after", "1");
    return response;
  }
}

/** The object of that id; null if it is none of this namespace. Whether a session is in it, the object knows. */
function find(sessions: Env["SESSIONS"], id: string): DurableObjectStub | null {
  try {
    return sessions.get(sessions.idFromString(id));
  } catch {
    return null;
  }
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
