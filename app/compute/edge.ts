/** The edge as the worker reaches it: the service at the page's own origin, with failures told apart. */
import { connect } from "../../worker/client.ts";
import type { Trainlet } from "../../worker/api.ts";
import { errors } from "../../src/index.ts";
import type { FailureKind, FailureReport } from "./protocol.ts";

const answerWithinMs = 15_000;

/** The page says itself when it tries again, and how often: the client does not. */
export function connectToEdge(origin: string, token: string | null): Promise<Trainlet> {
  return connect(new URL("/", origin), { token: token ?? undefined, retries: 0, timeoutMs: answerWithinMs });
}

/** Why a run cannot go on. */
export function failureOf(error: unknown): FailureReport {
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return { kind: kindOf(error), message: `${String(error)}${cause}` };
}

function kindOf(error: unknown): FailureKind {
  if (error instanceof errors.UnavailableError || error instanceof errors.DeadlineExceededError) return "unreachable";
  if (error instanceof errors.UnauthenticatedError) return "refused";
  if (error instanceof errors.NotFoundError) return "lost";
  if (error instanceof errors.ResourceExhaustedError || error instanceof RangeError) return "memory";
  // Someone between us and the service answered: the status is all there is.
  const status = error instanceof errors.AbortedError ? Number(/ answered (\d{3})/.exec(error.message)?.[1]) : 0;
  if (status === 401 || status === 403) return "refused";
  if (status === 429) return "limit";
  return status === 404 || status >= 500 ? "unreachable" : "error";
}
