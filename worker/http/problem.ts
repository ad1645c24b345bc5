/** Errors over HTTP: problem+json (RFC 9457) whose type names TensorFlow's class, read back into that class. */
import {
  AbortedError,
  errorFromName,
  InvalidArgumentError,
  TrainletError,
  UnavailableError,
} from "../../src/graph/errors.ts";

const typePrefix = "urn:trainlet:";

/** 413 stands for every limit in bytes. What a graph may not use is the request's fault, too: 422, as no 5xx ever is. */
const statuses: { readonly [name: string]: number } = {
  InvalidArgumentError: 400,
  NotFoundError: 404,
  FailedPreconditionError: 409,
  AbortedError: 409,
  ResourceExhaustedError: 413,
  UnimplementedError: 422,
  UnauthenticatedError: 401,
  UnavailableError: 503,
};

/** Names and values of a request may stand in a sentence; a long one helps nobody. */
const maxDetailLength = 2000;

/** A refusal with a status that HTTP has for it: a wrong method, a wrong content type. */
export class HttpError extends InvalidArgumentError {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The answer to a request that failed. */
export function problemResponse(error: unknown): Response {
  const { name, message } =
    error instanceof TrainletError
      ? error
      : { name: "InternalError", message: `An accident of ours: ${String(error)}.` };
  const code = error instanceof HttpError ? error.status : (statuses[name] ?? 500);
  const title = name.replace(/Error$/, "").replace(/(?<=[a-z])(?=[A-Z])/g, " ");
  const detail = message.length > maxDetailLength ? `${message.slice(0, maxDetailLength)}…` : message;
  const body = { type: `${typePrefix}${name}`, title, status: code, detail };
  return new Response(JSON.stringify(body), {
    status: code,
    headers: { "content-type": "application/problem+json" },
  });
}

/** What those between us and the service answer when it is away. */
const passing = new Set([502, 503, 504]);

/** The error that a response tells of. */
export async function errorOf(response: Response): Promise<Error> {
  const text = await response.text();
  try {
    const { type, detail } = JSON.parse(text) as { type: string; detail: string };
    if (type.startsWith(typePrefix)) return errorFromName(type.slice(typePrefix.length), detail);
  } catch {
    // Someone between us and the service answered.
  }
  return new (passing.has(response.status) ? UnavailableError : AbortedError)(
    `${response.url || "The service"} answered ${response.status} ${text.slice(0, 200)}`.trim(),
  );
}
