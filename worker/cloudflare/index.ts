/** The Worker: gives each session a Durable Object and hands its requests on. The object checks them. */
import type { SessionHost } from "../host.ts";
import { createApp } from "../http/app.ts";
import { discardBody } from "../http/body.ts";
import { problemResponse } from "../http/problem.ts";
import { sessionNotFound } from "../service.ts";
import type { SessionObject } from "./sessionObject.ts";

export { SessionObject } from "./sessionObject.ts";

/** Bindings that the Worker needs. */
export interface Env {
  readonly SESSIONS: DurableObjectNamespace<SessionObject>;
}

/** Answers what is no session's: it knows the routes and their methods, and none leads to a session here. */
const front = createApp({} as SessionHost);

const worker = {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/v1/sessions" && request.method === "POST") {
      return env.SESSIONS.get(env.SESSIONS.newUniqueId()).fetch(request);
    }
    const [, id] = /^\/v1\/sessions\/([^/]+)(?:\/.*)?$/.exec(pathname) ?? [];
    if (id === undefined) return front.fetch(request);
    const object = find(env.SESSIONS, id);
    if (object) return object.fetch(request);
    await discardBody(request);
    return problemResponse(sessionNotFound(decode(id)));
  },
} satisfies ExportedHandler<Env>;

export default worker;

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
