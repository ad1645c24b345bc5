/** Who may ask: a bearer token, pages of other origins, and the headers that every answer has. */
import { UnauthenticatedError } from "../../src/graph/errors.ts";
import { discardBody } from "./body.ts";
import { callHeader } from "./names.ts";
import { problemResponse } from "./problem.ts";
import { allRoutes } from "./routes.ts";

export interface GateOptions {
  /** Where set, every request needs it, but for the routes that are open. */
  readonly token?: string;
  /** Origins whose pages may read answers: a list separated by commas, or "*". Default: none but the service's own. */
  readonly corsOrigins?: string;
}

const open = new Set(allRoutes.filter(([, route]) => route.open).map(([, route]) => route.path));

const allowedMethods = [...new Set(["HEAD", ...allRoutes.map(([, route]) => route.method)])].join(", ");
const allowedHeaders = `authorization, content-type, accept, ${callHeader}`;
const exposedHeaders = "location, allow, retry-after, www-authenticate";

export async function gate(
  { token = "", corsOrigins = "" }: GateOptions,
  request: Request,
  next: () => Response | Promise<Response>,
): Promise<Response> {
  const cors = corsHeaders(corsOrigins, request.headers.get("origin"));
  // A preflight carries no token.
  if (request.method === "OPTIONS" && request.headers.has("access-control-request-method")) {
    return withHeaders(new Response(null, { status: 204 }), {
      ...cors,
      "access-control-allow-methods": allowedMethods,
      "access-control-allow-headers": allowedHeaders,
      "access-control-max-age": "86400",
    });
  }
  const refused = token === "" || open.has(new URL(request.url).pathname) ? null : await challenge(token, request);
  if (refused) await discardBody(request);
  return withHeaders(refused ?? (await next()), {
    ...cors,
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
  });
}

function corsHeaders(configured: string, origin: string | null): Record<string, string> {
  const origins = configured
    .split(",")
    .map((item) => item.trim().replace(/\/$/, ""))
    .filter(Boolean);
  if (origins.length === 0) return {};
  if (origins.includes("*"))
    return { "access-control-allow-origin": "*", "access-control-expose-headers": exposedHeaders };
  if (origin === null || !origins.includes(origin)) return { vary: "origin" };
  return {
    "access-control-allow-origin": origin,
    "access-control-expose-headers": exposedHeaders,
    vary: "origin",
  };
}

/** The answer to a request without the token; null if it has it. */
async function challenge(token: string, { headers }: Request): Promise<Response | null> {
  const [, given] = /^Bearer +([^\s]+) *$/i.exec(headers.get("authorization") ?? "") ?? [];
  if (given !== undefined && (await sameText(given, token))) return null;
  const [error, sentence] =
    given === undefined
      ? ["", "This service wants a token: send it as 'Authorization: Bearer <token>'."]
      : [', error="invalid_token"', "The token is not the one of this service."];
  return withHeaders(problemResponse(new UnauthenticatedError(sentence)), {
    "www-authenticate": `Bearer realm="trainlet"${error}`,
  });
}

/** Takes the same time wherever the two differ: digests are compared, all of them. */
async function sameText(a: string, b: string): Promise<boolean> {
  const [digestA, digestB] = await Promise.all([a, b].map(digestOf));
  let different = 0;
  for (let i = 0; i < digestA.length; i++) different |= digestA[i] ^ digestB[i];
  return different === 0;
}

async function digestOf(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

/** A copy, as the headers of an answer that came from elsewhere cannot be changed. */
function withHeaders(response: Response, headers: Record<string, string>): Response {
  const copy = new Response(response.body, response);
  for (const [name, value] of Object.entries(headers)) copy.headers.set(name, value);
  return copy;
}
