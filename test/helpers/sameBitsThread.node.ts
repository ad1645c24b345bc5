/** A worker thread that runs one subject of sameBits.ts and sends its bits. */
import { parentPort, workerData } from "node:worker_threads";
import "../../src/entry/node.ts";
import { readGolden } from "./golden.node.ts";
import { bitsOf } from "./sameBits.ts";

const bits = await bitsOf(workerData as Parameters<typeof bitsOf>[0], readGolden);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has no origin
parentPort!.postMessage(bits);
