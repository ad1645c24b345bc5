/** A page: the program in a worker of its own, and the experiment in each host that the package has for it. */
import { remoteTutorial } from "./remote.ts";
import type { Answer } from "./tutorial.ts";

const photo = async (): Promise<Float32Array> => new Float32Array(await (await fetch("/photo.bin")).arrayBuffer());

const hosts: Record<string, () => Promise<Answer>> = {
  async program() {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    const answer = new Promise<Answer>((resolve, reject) => {
      worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => resolve(data));
      worker.addEventListener("error", ({ message }) => reject(new Error(message)));
    });
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's has none
    worker.postMessage(await photo());
    return answer.finally(() => worker.terminate());
  },
  worker: async () => remoteTutorial("worker", await photo()),
  async startedWorker() {
    const worker = new Worker(new URL("./host.ts", import.meta.url), { type: "module" });
    return remoteTutorial(worker, await photo()).finally(() => worker.terminate());
  },
  inProcess: async () => remoteTutorial("in-process", await photo()),
};

Object.assign(globalThis, { hosts });
