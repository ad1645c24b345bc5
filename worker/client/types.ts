/** What trainlet/client exports in every host, besides `connect`. */
export * as errors from "../../src/graph/errors.ts";
export type { DTypeName, FeedValue, Finding, Nested, TypedArray } from "../../src/index.ts";
export type * from "../api.ts";
export type { Connect, ConnectOptions, Where } from "./connect.ts";
export type { BrowserWorker, ComlinkTarget, NodeWorker } from "./comlink.ts";
export { transfer } from "./transfer.ts";
