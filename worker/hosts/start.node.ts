/** Starts the worker thread of hosts/node.ts. */
import { Worker } from "node:worker_threads";

export function startNodeWorker(): Worker {
  // Node runs the sources unbuilt, and there the file has another ending.
  const entry = import.meta.url.endsWith(".ts") ? "./node.ts" : "./node.js";
  return new Worker(new URL(entry, import.meta.url), { name: "trainlet" });
}
