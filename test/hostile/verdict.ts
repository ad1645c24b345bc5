/** What an answer to a hostile request says: who answered it, and whether it may be. */
import type { Reply } from "./http1.ts";

/**
 * Who answered. "workerd": its HTTP parser, no program of ours. "routes": the way to a session, i.e. 401, 404 of no route, 405,
 * 415, and 404 of an id that is none. "parsing": body and query. "session": the graph, the plan, the run.
 */
export type Layer = "workerd" | "routes" | "parsing" | "session" | "none";

export const noAnswer = "no answer in time";

export interface Verdict {
  readonly status: string;
  readonly layer: Layer;
  /** What must not be, in words that are the same for the same mistake; null if nothing. */
  readonly finding: string | null;
}

interface Expected {
  /** The request breaks HTTP's rules, or its sender hung up. */
  readonly broken: boolean;
  /** The path is none of the service's: the page answers. */
  readonly elsewhere: boolean;
}

export function judge(reply: Reply, { broken, elsewhere }: Expected): Verdict {
  if (reply.kind === "hang") return { status: "hang", layer: "none", finding: noAnswer };
  if (reply.kind === "left") return { status: "left", layer: "none", finding: null };
  if (reply.kind === "closed") {
    return { status: "closed", layer: "none", finding: broken ? null : `closed without an answer: ${reply.text}` };
  }
  const { status, headers, body } = reply;
  const type = headers.get("content-type") ?? "";
  const text = type.includes("json") || type.startsWith("text/") ? new TextDecoder().decode(body) : "";
  const of = (layer: Layer, finding: string | null = null): Verdict => ({ status: String(status), layer, finding });
  if (text.startsWith("ERROR: ") || type === "") return fromWorkerd(status, text, of);
  if (broken && status === 400 && type.startsWith("text/plain")) return of("workerd");
  // wrangler's proxy, to a sender whose body has broken off.
  if (broken && text.startsWith("Error: Network connection lost."))
    return { status: "left", layer: "none", finding: null };
  if (status >= 500) return of("none", `${status} ${generalize(text)}`);
  if (status < 400 && !elsewhere) {
    if (type.startsWith("application/json") && !isJson(text) && body.length > 0)
      return of("none", `${status} with a body that is no JSON`);
    return of("session");
  }
  if (elsewhere && status < 500) return of("routes");
  return judgeProblem(status, type, text, of);
}

type Of = (layer: Layer, finding?: string | null) => Verdict;

function fromWorkerd(status: number, text: string, of: Of): Verdict {
  if (status === 204) return of("session");
  // The only 5xx that may be: a method that HTTP does not know. No program of ours is asked.
  return of("workerd", status < 500 || text === "ERROR: Unrecognized request method." ? null : `${status} ${text}`);
}

function judgeProblem(status: number, type: string, text: string, of: Of): Verdict {
  if (text === "" && type.startsWith("application/problem+json")) return of("routes"); // The answer to HEAD.
  const problem = (isJson(text) ? JSON.parse(text) : null) as Partial<Record<string, unknown>> | null;
  const { type: name, title, status: told, detail } = problem ?? {};
  const whole = typeof detail === "string" && detail !== "" && typeof title === "string" && told === status;
  if (!type.startsWith("application/problem+json") || !whole || !String(name).startsWith("urn:trainlet:")) {
    return of("none", `${status} that is no problem+json: ${generalize(text)}`);
  }
  if (/\[object |function \w*\(|=>/.test(detail))
    return of("parsing", `${status} with a sentence that is none: ${generalize(detail)}`);
  if (status === 401 || status === 405 || status === 415) return of("routes");
  if (status === 404) return of(/^There is (nothing at|no session)/.test(detail) ? "routes" : "session");
  if (status === 409 || status === 422) return of("session");
  return of(ofSession.some((pattern) => pattern.test(detail)) ? "session" : "parsing");
}

/** Sentences of 400 and 413 that only a graph, a plan or a run can say. What is not listed counts as parsing. */
const ofSession: readonly RegExp[] = [
  /^Cannot feed /,
  /^(Fetch|Feed) argument /,
  /^You must feed a value for placeholder /,
  /^The value fed to '.*' has .* elements, its shape/s,
  /^This step needs /,
  /^The result would have /,
  /^Retval\[|was not taken/,
  /^'.*' is an operation/s,
  /checkpoint/,
  /the graph has no variable/,
  / for '.*' \(op: '.*'\)/s,
  /^Node '.*'/s,
  /^The graph has a cycle/,
  /^Tensor '.*' of dtype .* cannot be fed/s,
  /^'.*' \(op: '.*'\)/s,
];

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Without what differs from case to case. */
export function generalize(text: string): string {
  return text
    .slice(0, 400)
    .replace(/[0-9a-f]{64}/g, "<id>")
    .replace(/'[^']*'/g, "'…'")
    .replace(/-?\d+(\.\d+)?(e[+-]?\d+)?/g, "n")
    .slice(0, 200);
}
