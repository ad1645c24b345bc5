/** The rules that look at graphs and sessions, in the order in which they speak. */
import type { Rule } from "../finding.ts";
import { BN001, BN001InSession, BN001Training } from "./BN001.ts";
import { BN002 } from "./BN002.ts";
import { BN003 } from "./BN003.ts";
import { BN004 } from "./BN004.ts";
import { BN005 } from "./BN005.ts";
import { BN006 } from "./BN006.ts";
import { BN007 } from "./BN007.ts";
import { BN008 } from "./BN008.ts";
import { BN009, BN009Unmerged } from "./BN009.ts";
import { BN010 } from "./BN010.ts";
import { BN011 } from "./BN011.ts";
import { BN012, BN012InSession } from "./BN012.ts";
import { BN013 } from "./BN013.ts";
import { BN014 } from "./BN014.ts";
import { NN004 } from "./NN004.ts";
import { NN005 } from "./NN005.ts";
import { NN006 } from "./NN006.ts";
import { NN007 } from "./NN007.ts";
import { NN008 } from "./NN008.ts";
import { NN009 } from "./NN009.ts";

export const rules: readonly Rule[] = [
  BN001,
  BN001Training,
  BN001InSession,
  BN002,
  BN003,
  BN004,
  BN005,
  BN006,
  BN007,
  BN008,
  BN009,
  BN009Unmerged,
  BN010,
  BN011,
  BN012,
  BN012InSession,
  BN013,
  BN014,
  NN004,
  NN005,
  NN006,
  NN007,
  NN008,
  NN009,
];
