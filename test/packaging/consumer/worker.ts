/** A module worker of the user's own. */
import { tutorial } from "./tutorial.ts";

self.addEventListener("message", async ({ data }: MessageEvent<Float32Array>) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's has none
  self.postMessage(await tutorial(data));
});
