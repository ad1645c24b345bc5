/** Serves the built page on loopback as Cloudflare's assets would, with the headers of its _headers file, and an edge under /v1. */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import "../../src/entry/node.ts";
import { createApp } from "../../worker/http/app.ts";
import { LocalHost } from "../../worker/localHost.ts";

export interface PageServer {
  readonly url: string;
  /** What answers under /v1; null as if nobody were there. */
  edge: ((request: Request) => Response | Promise<Response>) | null;
  close(): Promise<void>;
}

export const pageFolder = fileURLToPath(new URL("../../build/app/", import.meta.url));

const types: { readonly [ending: string]: string } = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

export async function servePage(folder = pageFolder): Promise<PageServer> {
  const rules = parseHeaders(readFileSync(join(folder, "_headers"), "utf8"));
  const app = createApp(new LocalHost());
  const page: { edge: PageServer["edge"] } = { edge: (request) => app.fetch(request) };
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const answer = path.startsWith("/v1/")
      ? passOn(request, response, page.edge)
      : Promise.resolve(sendFile(folder, path, rules, response));
    answer.catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(page, {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  });
}

interface Rule {
  readonly prefix: string;
  readonly headers: [name: string, value: string][];
}

/** The format of _headers: a path, and indented lines of headers. Only a trailing * is understood here. */
export function parseHeaders(file: string): Rule[] {
  const rules: Rule[] = [];
  for (const line of file.split("\n")) {
    if (/^\s*(#|$)/.test(line)) continue;
    if (!/^\s/.test(line)) rules.push({ prefix: line.trim().replace(/\*$/, ""), headers: [] });
    else {
      const at = line.indexOf(":");
      rules.at(-1)!.headers.push([line.slice(0, at).trim(), line.slice(at + 1).trim()]);
    }
  }
  return rules;
}

function sendFile(folder: string, path: string, rules: readonly Rule[], response: ServerResponse): void {
  const candidates = path.endsWith("/") ? [`${path}index.html`] : [path, `${path}.html`];
  const found = path.includes("..")
    ? undefined
    : candidates.find((name) => extname(name) && existsSync(join(folder, name)));
  const name = found ?? "/404.html";
  for (const { prefix, headers } of rules)
    if (path.startsWith(prefix)) for (const [header, value] of headers) response.setHeader(header, value);
  response.writeHead(found ? 200 : 404, { "content-type": types[extname(name)] ?? "application/octet-stream" });
  response.end(readFileSync(join(folder, name)));
}

async function passOn(request: IncomingMessage, response: ServerResponse, edge: PageServer["edge"]): Promise<void> {
  if (!edge) return void request.socket.destroy();
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = chunks.length > 0 ? Buffer.concat(chunks) : null;
  const answer = await edge(
    new Request(new URL(request.url!, `http://${request.headers.host}`), {
      method: request.method,
      headers: Object.entries(request.headers).filter(
        (entry): entry is [string, string] => typeof entry[1] === "string",
      ),
      body,
    }),
  );
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  response.end(Buffer.from(await answer.arrayBuffer()));
}
