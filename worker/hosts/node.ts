/** Entry of the worker thread: `startNodeWorker()` starts it. */
import { parentPort } from "node:worker_threads";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import "../../src/entry/node.ts";
import { exposeSessions } from "./expose.ts";

if (parentPort) exposeSessions(nodeEndpoint(parentPort));
