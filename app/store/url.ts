/** Settings in the URL's query, so that a link restores them. Defaults are left out. */
import type { RunSettings } from "../compute/protocol.ts";

export const maxSteps = 1000;
const maxChannels = 32;

export interface Shared extends RunSettings {
  readonly channel: number;
}

export function defaults(reducedMotion: boolean): Shared {
  return { host: "worker", steps: 100, pace: reducedMotion ? "full" : "watch", channel: 0 };
}

export function fromQuery(query: string, fallback: Shared): Shared {
  const params = new URLSearchParams(query);
  const host = params.get("host");
  const pace = params.get("pace");
  return {
    host: host === "worker" || host === "edge" ? host : fallback.host,
    pace: pace === "watch" || pace === "full" ? pace : fallback.pace,
    steps: integer(params.get("steps"), 1, maxSteps) ?? fallback.steps,
    channel: integer(params.get("channel"), 0, maxChannels - 1) ?? fallback.channel,
  };
}

export function toQuery(shared: Shared, fallback: Shared): string {
  const params = new URLSearchParams();
  for (const key of ["host", "steps", "pace", "channel"] as const)
    if (shared[key] !== fallback[key]) params.set(key, String(shared[key]));
  return params.size > 0 ? `?${params}` : "";
}

function integer(text: string | null, least: number, most: number): number | null {
  const value = text === null || text === "" ? Number.NaN : Number(text);
  return Number.isInteger(value) && value >= least && value <= most ? value : null;
}
