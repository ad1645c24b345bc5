/** trainlet/client in Cloudflare Workers: sessions in this isolate, or at a URL. There are no workers inside it. */
import { connectOn, type Connect } from "../client/connect.ts";

/** Connects to sessions: in this isolate, or at a URL. See `Where`. */
export const connect: Connect = connectOn({
  async inProcess() {
    const [{ inProcess }] = await Promise.all([import("../client/inProcess.ts"), import("../../src/entry/workerd.ts")]);
    return inProcess();
  },
});

export * from "../client/types.ts";
