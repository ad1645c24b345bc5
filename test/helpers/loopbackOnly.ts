/**
 * Loaded before a program (`node --import`): every name it looks up and every connection it opens beyond this machine is
 * written to the file TRAINLET_OUTSIDE and refused. Programs that it starts with Node inherit it through NODE_OPTIONS.
 */
import { appendFileSync } from "node:fs";
import dns from "node:dns";
import net from "node:net";

const file = process.env.TRAINLET_OUTSIDE!;

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host === "[::1]" || host.startsWith("127.");

function refuse(host: string): never {
  appendFileSync(file, `${host}\n`);
  throw new Error(`Only loopback may be contacted, not ${host}.`);
}

const { connect } = net.Socket.prototype;
net.Socket.prototype.connect = function (this: net.Socket, ...given: unknown[]): net.Socket {
  // net.connect hands its arguments on as one array.
  const [first, second] = (Array.isArray(given[0]) ? given[0] : given) as unknown[];
  const host =
    typeof first === "object" && first !== null
      ? ((first as { host?: string; path?: string }).host ?? "localhost")
      : typeof second === "string"
        ? second
        : "localhost";
  if (!isLoopback(host)) refuse(host);
  return (connect as (...all: unknown[]) => net.Socket).apply(this, given);
};

for (const [from, name] of [
  [dns, "lookup"],
  [dns, "resolve"],
  [dns.promises, "lookup"],
  [dns.promises, "resolve"],
] as const) {
  const original = from[name] as (...given: unknown[]) => unknown;
  Object.assign(from, {
    [name]: (host: string, ...rest: unknown[]) =>
      host && !isLoopback(host) && !net.isIP(host) ? refuse(host) : original(host, ...rest),
  });
}
