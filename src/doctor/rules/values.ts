/** Rules that look at the values of one run: for `tf.checkup`, which alone brings them into a bundle. */
import type { Rule } from "../finding.ts";
import { NN001 } from "./NN001.ts";
import { NN002 } from "./NN002.ts";
import { NN003 } from "./NN003.ts";
import { NN004 } from "./NN004.ts";

export const valueRules: readonly Rule[] = [NN001, NN002, NN003, NN004];
