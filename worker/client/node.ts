/** trainlet/client in Node. */
import { startNodeWorker } from "../hosts/start.node.ts";
import { connectOn, type Connect } from "./connect.ts";

/** Connects to sessions: in this process, in a worker thread, or at a URL. See `Where`. */
export const connect: Connect = connectOn({
  async inProcess() {
    const [{ inProcess }] = await Promise.all([import("./inProcess.ts"), import("../../src/entry/node.ts")]);
    return inProcess();
  },
  startWorker: startNodeWorker,
});

export { startNodeWorker } from "../hosts/start.node.ts";
export * from "./types.ts";
