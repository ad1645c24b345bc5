/** Every operation type trainlet runs: an explicit table, so that a file does not register itself by being imported. */
import { Fill, Reshape, Squeeze } from "./array.ts";
import { FusedBatchNorm, FusedBatchNormV2, FusedBatchNormV3 } from "./batchNorm.ts";
import { Const } from "./constant.ts";
import { Merge, RefMerge, RefSwitch, Switch } from "./controlFlow.ts";
import { BiasAdd, Conv2D } from "./conv2d.ts";
import type { OpDefinition } from "./definition.ts";
import * as elementwise from "./elementwise.ts";
import { Identity, NoOp, StopGradient } from "./identity.ts";
import { Placeholder, PlaceholderWithDefault } from "./placeholder.ts";
import { RandomUniform, RandomUniformInt } from "./random.ts";
import { Mean, Sum } from "./reduce.ts";
import { refusedOps } from "./refused.ts";
import { Assign, AssignAdd, AssignSub, VariableV2 } from "./state.ts";

const definitions: readonly OpDefinition[] = [
  Const,
  Placeholder,
  PlaceholderWithDefault,
  Identity,
  StopGradient,
  NoOp,
  Switch,
  RefSwitch,
  Merge,
  RefMerge,
  VariableV2,
  Assign,
  AssignAdd,
  AssignSub,
  Fill,
  Reshape,
  Squeeze,
  elementwise.Add,
  elementwise.AddV2,
  elementwise.Sub,
  elementwise.Mul,
  elementwise.RealDiv,
  elementwise.Maximum,
  elementwise.Minimum,
  elementwise.SquaredDifference,
  elementwise.Neg,
  elementwise.Rsqrt,
  elementwise.Sqrt,
  elementwise.Square,
  elementwise.Abs,
  elementwise.Reciprocal,
  elementwise.Relu,
  elementwise.Relu6,
  Sum,
  Mean,
  Conv2D,
  BiasAdd,
  FusedBatchNorm,
  FusedBatchNormV2,
  FusedBatchNormV3,
  RandomUniform,
  RandomUniformInt,
  ...refusedOps,
];

/** Definitions by operation type. */
export const registry: ReadonlyMap<string, OpDefinition> = new Map(
  definitions.map((definition) => [definition.type, definition]),
);
