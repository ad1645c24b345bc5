/** The doctor: every rule over one request. */
import type { Examination, Finding, Rule } from "./finding.ts";
import { BN001 } from "./rules/BN001.ts";

const rules: readonly Rule[] = [BN001];

export function examine(examination: Examination): Finding[] {
  return rules.flatMap((rule) => rule(examination));
}

/** A finding as a terminal or a log shows it. */
export function formatFinding(finding: Finding): string {
  return `${finding.id} (${finding.severity}): ${finding.message}\nFix:\n${finding.fix.replace(/^/gm, "  ")}`;
}
