// A Worker, the project's own unless told otherwise, in a local workerd, on loopback only. Whoever starts it must dispose it: workerd is a process.
import { createServer } from "node:net";
import { join } from "node:path";
import { root } from "./tools.ts";

export interface Server {
  readonly url: string;
  readonly port: number;
  /** Null without an inspector. */
  readonly inspectorUrl: string | null;
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

/**
 * V8 leaves what requests held until a full collection, and comes to that late where nothing limits it, as workerd's memory
 * outside its heap does not count for it: thirty KiB a request, in a Worker that does nothing, up to gigabytes. At the edge an
 * isolate's limit sees to it; here every collection is a full one, with room for a few MiB of garbage between two.
 */
const promptCollection = "--gc-global --max-semi-space-size=4";

/** Where memory itself is measured: a smaller heap at the cost of a fifth of the speed, and one malloc arena. */
const smallest = { flags: "--gc-global --max-semi-space-size=1 --optimize-for-size", arenas: "1" };

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface ServerOptions {
  readonly config?: string;
  /** Where sessions are stored. Default: a temporary folder, from which evicted ones are rebuilt all the same. */
  readonly folder?: string;
  /** Opens V8's inspector on a port of its own. */
  readonly inspector?: boolean;
  /** Keeps as little memory as V8 and malloc can, for those who watch it. */
  readonly small?: boolean;
  /** "none": errors are not printed. Default: "error". */
  readonly logLevel?: "error" | "none";
}

/** Port 0 is any that is free. */
export async function startServer(
  port: number,
  {
    config = join(root, "wrangler.toml"),
    folder,
    inspector = false,
    small = false,
    logLevel = "error",
  }: ServerOptions = {},
): Promise<Server> {
  const ours = new Map(signals.map((signal) => [signal, process.listeners(signal)]));
  Object.assign(process.env, quiet);
  process.env.MINIFLARE_WORKERD_V8_FLAGS ??= small ? smallest.flags : promptCollection;
  if (small) process.env.MALLOC_ARENA_MAX ??= smallest.arenas;
  const { unstable_startWorker: startWorker } = await import("wrangler");
  const worker = await startWorker({
    config,
    dev: {
      server: { hostname: "127.0.0.1", port },
      inspector: inspector && { hostname: "127.0.0.1", port: 0 },
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
    const inspectorUrl = inspector ? `ws://${new URL(String(await worker.inspectorUrl)).host}/ws` : null;
    return { url, port: Number(new URL(url).port), inspectorUrl, dispose: () => worker.dispose() };
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
