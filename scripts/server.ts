// A Worker, the project's own unless told otherwise, in a local workerd, on loopback only. Whoever starts it must dispose it: workerd is a process.
import { createServer } from "node:net";
import { join } from "node:path";
import { root } from "./tools.ts";

export interface Server {
  readonly url: string;
  readonly port: number;
  /** Ends workerd. */
  dispose(): Promise<void>;
}

/** Nothing is contacted outside. Set before wrangler is loaded, which reads them then. */
const quiet = {
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_LOG: "error",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  // No trace of every request is kept: that takes longer than most requests.
  X_LOCAL_OBSERVABILITY: "false",
};

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface ServerOptions {
  readonly config?: string;
  /** Where sessions are stored. Default: a temporary folder, from which evicted ones are rebuilt all the same. */
  readonly folder?: string;
  /** "none": errors are not printed. Default: "error". */
  readonly logLevel?: "error" | "none";
}

/** Port 0 is any that is free. */
export async function startServer(
  port: number,
  { config = join(root, "wrangler.toml"), folder, logLevel = "error" }: ServerOptions = {},
): Promise<Server> {
  const ours = new Map(signals.map((signal) => [signal, process.listeners(signal)]));
  Object.assign(process.env, quiet);
  const { unstable_startWorker: startWorker } = await import("wrangler");
  const worker = await startWorker({
    config,
    dev: {
      server: { hostname: "127.0.0.1", port },
      inspector: false,
      watch: false,
      persist: folder ?? false,
      logLevel,
    },
  });
  try {
    await worker.ready;
    // wrangler's own handlers would end the process before the caller can dispose. What it does at exit stays.
    for (const [signal, known] of ours) {
      for (const listener of process.listeners(signal)) if (!known.includes(listener)) process.off(signal, listener);
    }
    const url = new URL(await worker.url).origin;
    return { url, port: Number(new URL(url).port), dispose: () => worker.dispose() };
  } catch (error) {
    await worker.dispose();
    throw error;
  }
}

/** The first port from `wanted` on that is free on loopback. */
export async function freePort(wanted: number): Promise<number> {
  for (let port = wanted; port <= 65_535 && port < wanted + 100; port++) if (await isFree(port)) return port;
  throw new Error(`No port is free from ${wanted} to ${Math.min(wanted + 99, 65_535)}.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
