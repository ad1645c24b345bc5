// Comlink's adapter for worker_threads: its own declarations stand beside the file under a name that TypeScript does not look for.
declare module "comlink/dist/esm/node-adapter.mjs" {
  import type { Endpoint } from "comlink";

  interface NodeEndpoint {
    postMessage(message: unknown, transfer?: readonly never[]): void;
    on(type: string, listener: (value: unknown) => void): unknown;
    off(type: string, listener: (value: unknown) => void): unknown;
    start?(): void;
  }

  export default function nodeEndpoint(port: NodeEndpoint): Endpoint;
}
