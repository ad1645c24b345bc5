/** Transport without a way: sessions in the caller's own realm. Arguments are cloned, as on the way to a worker. */
import { macrotask } from "../../src/runtime/macrotask.ts";
import { LocalHost } from "../localHost.ts";
import type { CreateOptions, DoctorRequest, FitRequest, GraphSource, RunRequest, TensorData } from "../api.ts";
import type { RunControl } from "../host.ts";
import type { Transport } from "./connection.ts";
import { outgoingBytes, outgoingRequest, outgoingRows, outgoingSource, type Outgoing } from "./transfer.ts";

export function inProcess(): Transport {
  const host = new CloningHost();
  return { host, close: () => host.closeAll() };
}

class CloningHost extends LocalHost {
  override create(source: GraphSource, options?: CreateOptions) {
    return super.create(cloned(outgoingSource(source)), options);
  }

  override run(id: string, request: RunRequest, control?: RunControl) {
    return super.run(id, cloned(outgoingRequest(request)), control);
  }

  override restore(id: string, checkpoint: Uint8Array) {
    return super.restore(id, cloned(outgoingBytes(checkpoint)));
  }

  override doctor(id: string, request: DoctorRequest) {
    return super.doctor(id, cloned(outgoingRequest(request)));
  }

  override putData(id: string, name: string, rows: TensorData, at: number) {
    return super.putData(id, name, cloned(outgoingRows(rows)), at);
  }

  override startFit(id: string, request: FitRequest) {
    return super.startFit(id, structuredClone(request));
  }

  /** Other hosts answer by a message. Here nothing else lets in what came meanwhile, such as the wish to stop. */
  override async fitSteps(id: string, count: number) {
    await macrotask();
    return super.fitSteps(id, count);
  }
}

/** A copy made at the call: what the caller writes to the arrays afterwards does not matter. */
function cloned<T>({ value, transfer }: Outgoing<T>): T {
  return structuredClone(value, { transfer: [...transfer] });
}
