/** A worker thread that runs one subject of sameBits.ts and sends its bits. */
import { parentPort, workerData } from "node:worker_threads";
import "../../src/entry/node.ts";
import { listGolden, readGolden } from "./golden.node.ts";
import { bitsOf } from "./sameBits.ts";

const bits = await bitsOf(workerData as string, readGolden, listGolden);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has no origin
parentPort!.postMessage(bits);
