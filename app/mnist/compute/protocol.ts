/** What the MNIST page and its worker say to each other: tagged messages, typed arrays transferred. */
import type { Finding } from "../../../src/index.ts";
import type { FailureKind, HostName } from "../../compute/protocol.ts";

export interface TrainSettings {
  readonly host: HostName;
  readonly epochs: number;
  readonly batch: number;
  readonly rate: number;
  readonly updates: boolean;
}

export type MnistPageMessage =
  | { readonly type: "train"; readonly settings: TrainSettings; readonly token: string | null }
  | { readonly type: "stop" }
  /** Goes on at the next step; on another host its checkpoint goes along. */
  | { readonly type: "continue"; readonly host: HostName; readonly rate: number; readonly token: string | null }
  /** Does again what failed, or ends a wait. */
  | { readonly type: "retry" }
  /** A drawing of 28 x 28 pixels. The newest one counts. */
  | { readonly type: "predict"; readonly id: number; readonly pixels: Uint8Array }
  /** Some digit of the test set of that class, another one each time. */
  | { readonly type: "digit"; readonly label: number }
  | { readonly type: "checkpoint" }
  | { readonly type: "ping" };

export type MnistWorkerMessage =
  | { readonly type: "loading"; readonly loaded: number; readonly total: number }
  | { readonly type: "preparing"; readonly what: "kernels" | "data" | "plan" }
  | ({ readonly type: "started" } & Started)
  | ({ readonly type: "batch" } & TrainBatch)
  | { readonly type: "findings"; readonly findings: readonly Finding[] }
  /** Without facts where the host no longer tells them. */
  | { readonly type: "stopped" | "finished"; readonly step: number; readonly facts: TrainFacts | null }
  /** Stopped before it could train. */
  | { readonly type: "abandoned" }
  | { readonly type: "waiting"; readonly retryInMs: number }
  | { readonly type: "resumed" }
  | { readonly type: "prediction"; readonly id: number; readonly step: number; readonly probabilities: Float32Array }
  | { readonly type: "digit"; readonly label: number; readonly index: number; readonly pixels: Uint8Array }
  | { readonly type: "checkpoint"; readonly step: number; readonly bytes: Uint8Array }
  | { readonly type: "failed"; readonly failure: MnistFailure; readonly step: number; readonly kept: boolean }
  /** A wish beside the run could not be granted. */
  | { readonly type: "aside"; readonly message: string }
  | { readonly type: "pong" };

export interface MnistFailure {
  readonly kind: FailureKind | "digits" | "notFinite";
  readonly message: string;
}

export interface Started {
  /** Steps made before: those of a fit that goes on. */
  readonly step: number;
  readonly steps: number;
  readonly stepsPerEpoch: number;
  readonly layers: readonly { readonly name: string; readonly channels: number }[];
}

/** Steps `from` to `from + loss.length − 1`, and what was looked at after the last of them. */
export interface TrainBatch {
  readonly from: number;
  readonly loss: Float32Array;
  readonly accuracy: Float32Array;
  readonly rate: number;
  readonly stepsPerSecond: number | null;
  readonly validations: readonly Validation[];
  readonly statistics: readonly LayerColumn[];
}

export interface Validation {
  readonly step: number;
  /** Share of held-out digits read rightly. */
  readonly accuracy: number;
  readonly loss: number;
}

/** A column of a layer's heat strip. */
export interface LayerColumn {
  readonly step: number;
  readonly layer: string;
  /** (moving mean − batch mean) / batch standard deviation, a channel each. */
  readonly deviation: Float32Array;
  /** What is left of the initial values: momentum to the power of updates. */
  readonly residual: number | null;
  readonly updates: number | null;
}

export interface TrainFacts {
  /** Time inside training calls; at the edge with the way there. */
  readonly computingMs: number;
  readonly memoryBytes: number;
  /** Over the whole test set, once training is over; null before. */
  readonly testAccuracy: number | null;
}

/** Digits of the test set that validation looks at. */
export const heldOut = 1000;
