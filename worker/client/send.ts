/** Sends the requests of a session's client: token, retries where they are safe, and failures as TensorFlow's classes. */
import { AbortedError, InvalidArgumentError, TrainletError, UnavailableError } from "../../src/graph/errors.ts";
import { errorOf } from "../http/problem.ts";
import type { ConnectOptions } from "./connect.ts";

export interface SendInit extends RequestInit {
  /** Sending it twice is the same as once. */
  readonly safe?: boolean;
}

export type Send = (path: string, init: SendInit) => Promise<Response>;

const defaultRetries = 2;

/** Doubled at each further try. */
const firstDelayMs = 200;

export function sender(base: URL, ended: AbortSignal, options: ConnectOptions): Send {
  const { token, retries = defaultRetries } = options;
  if (!Number.isInteger(retries) || retries < 0)
    throw new InvalidArgumentError(`retries must be an integer of at least 0, got ${retries}.`);
  const transmit = options.fetch ?? ((request: Request) => fetch(request));
  return async (path, { safe = false, ...init }) => {
    const url = new URL(path, base);
    const signal = init.signal ? AbortSignal.any([ended, init.signal]) : ended;
    const headers = new Headers(init.headers);
    if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
    for (let retry = 0; ; retry++) {
      const failure = await attempt(() => transmit(new Request(url, { ...init, headers, signal })), url, signal);
      if (failure instanceof Response) return failure;
      const mayRepeat = failure.passing && (safe || failure.notSent);
      if (!mayRepeat || retry >= retries) throw failure.error;
      await sleep(failure.delayMs ?? firstDelayMs * 2 ** retry, signal);
    }
  };
}

interface Failure {
  readonly error: Error;
  /** It may work in a moment. */
  readonly passing: boolean;
  /** No byte of it reached the service. */
  readonly notSent: boolean;
  /** What the service asked for. */
  readonly delayMs?: number;
}

async function attempt(send: () => Promise<Response>, url: URL, signal: AbortSignal): Promise<Response | Failure> {
  let response: Response;
  try {
    response = await send();
  } catch (error) {
    if (signal.aborted) return { error: reasonOf(signal), passing: false, notSent: false };
    const { message } = error as Error;
    const unavailable = new UnavailableError(`${url.origin} cannot be reached: ${message}`, { cause: error });
    // fetch says so by a TypeError; anything else is the caller's own, from a `fetch` that was passed in.
    return { error: unavailable, passing: error instanceof TypeError, notSent: wasNotSent(error) };
  }
  if (response.ok) return response;
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  const delayMs = seconds >= 0 ? Math.min(seconds, 10) * 1000 : undefined;
  return { error: await errorOf(response), passing: response.status === 503, notSent: false, delayMs };
}

/** Node says why: then there was no connection to send anything over. Browsers do not. */
function wasNotSent(error: unknown): boolean {
  const { code } = ((error as Error).cause ?? {}) as { code?: unknown };
  return ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"].includes(String(code));
}

export function reasonOf({ reason }: AbortSignal): Error {
  return reason instanceof TrainletError ? reason : new AbortedError(String(reason));
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(reasonOf(signal));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
