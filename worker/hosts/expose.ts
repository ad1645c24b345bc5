/** The sessions of a worker, exposed over Comlink. Results move to the caller, who owns them; the session keeps none. */
import * as Comlink from "comlink";
import type { RunRequest, RunResult } from "../api.ts";
import { LocalHost } from "../localHost.ts";

export function exposeSessions(endpoint?: Comlink.Endpoint): void {
  Comlink.expose(new TransferringHost(), endpoint);
}

class TransferringHost extends LocalHost {
  override async run(id: string, request: RunRequest): Promise<RunResult> {
    const result = await super.run(id, request);
    return Comlink.transfer(result, buffersOf(result));
  }

  override async checkpoint(id: string): Promise<Uint8Array> {
    const bytes = await super.checkpoint(id);
    return Comlink.transfer(bytes, [bytes.buffer as ArrayBuffer]);
  }
}

/** Each buffer once: a tensor may be fetched under two names. */
function buffersOf({ fetches, series }: RunResult): ArrayBuffer[] {
  const tensors = [...Object.values(fetches), ...Object.values(series)];
  return [...new Set(tensors.flatMap((tensor) => (tensor ? [tensor.data.buffer as ArrayBuffer] : [])))];
}
