/** Settings of the MNIST page in the URL's query, so that a link restores them. Defaults are left out. */
import type { TrainSettings } from "./compute/protocol.ts";

export const defaults: TrainSettings = { host: "worker", epochs: 3, batch: 64, rate: 0.002, updates: true };

export const limits = { epochs: [1, 20], batch: [2, 512], rate: [1e-5, 10] } as const;

type Limited = keyof typeof limits;

export function fromQuery(query: string): TrainSettings {
  const params = new URLSearchParams(query);
  const number = (name: Limited): number => {
    const text = params.get(name);
    return text && allowed(name, Number(text)) ? Number(text) : defaults[name];
  };
  const host = params.get("host");
  const updates = params.get("updates");
  return {
    host: host === "worker" || host === "edge" ? host : defaults.host,
    updates: updates === "on" || updates === "off" ? updates === "on" : defaults.updates,
    epochs: number("epochs"),
    batch: number("batch"),
    rate: number("rate"),
  };
}

export function toQuery(settings: TrainSettings): string {
  const params = new URLSearchParams();
  for (const key of ["host", "epochs", "batch", "rate"] as const)
    if (settings[key] !== defaults[key]) params.set(key, String(settings[key]));
  if (settings.updates !== defaults.updates) params.set("updates", settings.updates ? "on" : "off");
  return params.size > 0 ? `?${params}` : "";
}

export function allowed(name: Limited, value: number): boolean {
  const [least, most] = limits[name];
  return value >= least && value <= most && (name === "rate" || Number.isInteger(value));
}
