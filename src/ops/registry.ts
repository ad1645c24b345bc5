/** Every operation type trainlet runs: an explicit table, so that a file does not register itself by being imported. */
import { AddN, OnesLike, ZerosLike } from "./addN.ts";
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
import { BroadcastGradientArgs, Rank, Shape, ShapeN, Size } from "./shape.ts";
import { Assign, AssignAdd, AssignSub, VariableV2 } from "./state.ts";

/** A function, because definitions and builders import each other: the table is made when the first is asked for. */
const definitions = (): readonly OpDefinition[] => [
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
  Shape,
  ShapeN,
  Size,
  Rank,
  BroadcastGradientArgs,
  AddN,
  ZerosLike,
  OnesLike,
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

let table: ReadonlyMap<string, OpDefinition> | undefined;

/** The definition of an operation type; undefined for one that trainlet does not know. */
export function definitionFor(type: string): OpDefinition | undefined {
  table ??= new Map(definitions().map((definition) => [definition.type, definition]));
  return table.get(type);
}

/** All operation types that trainlet knows. */
export function knownTypes(): string[] {
  return definitions().map((definition) => definition.type);
}
