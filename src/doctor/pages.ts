/** Texts and programs of all rules by id, for docs/doctor and whoever explains a finding. Nothing that runs imports this. */
import type { RulePage } from "./finding.ts";
import { page as BN001 } from "./rules/BN001.ts";
import { page as BN002 } from "./rules/BN002.ts";
import { page as BN003 } from "./rules/BN003.ts";
import { page as BN004 } from "./rules/BN004.ts";
import { page as BN005 } from "./rules/BN005.ts";
import { page as BN006 } from "./rules/BN006.ts";
import { page as BN007 } from "./rules/BN007.ts";
import { page as BN008 } from "./rules/BN008.ts";
import { page as BN009 } from "./rules/BN009.ts";
import { page as BN010 } from "./rules/BN010.ts";
import { page as BN011 } from "./rules/BN011.ts";
import { page as BN012 } from "./rules/BN012.ts";
import { page as BN013 } from "./rules/BN013.ts";
import { page as BN014 } from "./rules/BN014.ts";
import { page as NN001 } from "./rules/NN001.ts";
import { page as NN002 } from "./rules/NN002.ts";
import { page as NN003 } from "./rules/NN003.ts";
import { page as NN004 } from "./rules/NN004.ts";
import { page as NN005 } from "./rules/NN005.ts";
import { page as NN006 } from "./rules/NN006.ts";
import { page as NN007 } from "./rules/NN007.ts";
import { page as NN008 } from "./rules/NN008.ts";
import { page as NN009 } from "./rules/NN009.ts";

export const pages: { readonly [id: string]: RulePage } = {
  BN001,
  BN002,
  BN003,
  BN004,
  BN005,
  BN006,
  BN007,
  BN008,
  BN009,
  BN010,
  BN011,
  BN012,
  BN013,
  BN014,
  NN001,
  NN002,
  NN003,
  NN004,
  NN005,
  NN006,
  NN007,
  NN008,
  NN009,
};

/** The failing program with the rule's changes made. */
export function fixedProgram({ failing, change }: RulePage): string {
  return change.reduce((text, [from, to]) => text.replace(from, () => to), failing);
}
