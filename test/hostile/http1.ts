/** HTTP/1.1 over a plain socket, one connection a request: what fetch would put right or refuse is sent as it is. */
import { connect, type Socket } from "node:net";

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array | null;
  /** Bytes of the body that are sent before the sender hangs up; all where it is not given. */
  readonly cutAt?: number;
  /** In place of the length of the body. */
  readonly declaredLength?: string;
  /** The body in chunks: well formed, or not. */
  readonly chunked?: "good" | "bad";
}

export type Reply =
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers: ReadonlyMap<string, string>;
      readonly body: Uint8Array;
    }
  /** The server ended the connection without a whole answer. */
  | { readonly kind: "closed"; readonly text: string }
  /** The sender did not send all that it had promised, and left. */
  | { readonly kind: "left" }
  | { readonly kind: "hang" };

/** How long a sender looks for an answer to what it has not sent wholly, in milliseconds. */
const patience = 200;

/** Sends and waits for the answer, at most `timeout` milliseconds. */
export function exchange(port: number, request: RawRequest, timeout: number): Promise<Reply> {
  const leaves = request.cutAt !== undefined || request.declaredLength !== undefined || request.chunked === "bad";
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const chunks: Buffer[] = [];
    const finish = (reply: Reply): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reply);
    };
    const timer = setTimeout(() => finish({ kind: leaves ? "left" : "hang" }), leaves ? patience : timeout);
    const closed = (error?: Error): void => {
      const bytes = Buffer.concat(chunks);
      const text = `${error?.message ?? "ended"} ${bytes.toString("latin1").slice(0, 200)}`.trim();
      finish(parse(bytes, request.method, true) ?? { kind: "closed", text });
    };
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      const reply = parse(chunks.length === 1 ? chunk : Buffer.concat(chunks), request.method, false);
      if (reply) finish(reply);
    });
    socket.on("end", () => closed());
    // Also where the server has answered and does not want the rest of the body.
    socket.on("error", closed);
    socket.on("connect", () => write(socket, request));
  });
}

function write(socket: Socket, request: RawRequest): void {
  const { method, path, headers, body, cutAt, declaredLength, chunked } = request;
  const lines = [`${method} ${path} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`)];
  const hasBody = body !== null || declaredLength !== undefined;
  if (chunked && body !== null) lines.push("transfer-encoding: chunked");
  if (hasBody && (!chunked || body === null || declaredLength !== undefined)) {
    lines.push(`content-length: ${declaredLength ?? body!.length}`);
  }
  socket.write(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "utf8"));
  if (body !== null) {
    const sent = body.subarray(0, cutAt ?? body.length);
    if (chunked) {
      const size = chunked === "bad" ? "zz" : sent.length.toString(16);
      if (sent.length > 0) socket.write(Buffer.concat([Buffer.from(`${size}\r\n`), sent, Buffer.from("\r\n")]));
      if (cutAt === undefined) socket.write("0\r\n\r\n");
    } else socket.write(sent);
  }
}

/** The answer, if it is whole. Without a length it ends with the connection. */
function parse(bytes: Buffer, method: string, ended: boolean): Reply | null {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return null;
  const [first, ...lines] = bytes.subarray(0, headEnd).toString("latin1").split("\r\n");
  const status = Number(/^HTTP\/1\.\d (\d{3})/.exec(first)?.[1]);
  if (Number.isNaN(status)) return null;
  const rest = bytes.subarray(headEnd + 4);
  if (status < 200) return parse(rest, method, ended);
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const answer = (body: Uint8Array): Reply => ({ kind: "answer", status, headers, body });
  if (method === "HEAD" || status === 204 || status === 304) return answer(new Uint8Array());
  if (headers.get("transfer-encoding") === "chunked") {
    const body = dechunk(rest);
    return body && answer(body);
  }
  const length = headers.get("content-length");
  if (length === undefined) return ended ? answer(rest) : null;
  return rest.length >= Number(length) ? answer(rest.subarray(0, Number(length))) : null;
}

function dechunk(bytes: Buffer): Uint8Array | null {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString("latin1"), 16);
    const end = lineEnd + 2 + size;
    if (Number.isNaN(size) || bytes.length < end + 2) return null;
    if (size === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(lineEnd + 2, end));
    at = end + 2;
  }
}
