/** trainlet/client in browsers. */
import { startBrowserWorker } from "../hosts/startBrowser.ts";
import { connectOn, type Connect } from "./connect.ts";

/** Connects to sessions: in this page, in a Web Worker, or at a URL. See `Where`. */
export const connect: Connect = connectOn({
  async inProcess() {
    const [{ inProcess }] = await Promise.all([import("./inProcess.ts"), import("../../src/entry/browser.ts")]);
    return inProcess();
  },
  startWorker: startBrowserWorker,
});

export { startBrowserWorker } from "../hosts/startBrowser.ts";
export * from "./types.ts";
