/** Findings for people, and how severities compare. Apart from the rules, which a session loads when it is made. */
import type { Finding, Severity } from "./finding.ts";

/** From the worst to the mildest. */
export const severities: readonly Severity[] = ["error", "warning", "info"];

/** True for a severity of at least `least`. */
export function isAtLeast(severity: Severity, least: Severity): boolean {
  return severities.indexOf(severity) <= severities.indexOf(least);
}

/** A finding as a terminal or a log shows it. */
export function formatFinding(finding: Finding): string {
  const silenced = finding.silenced === undefined ? "" : `\nSilenced: ${finding.silenced}.`;
  return `${finding.id} (${finding.severity}): ${finding.message}\nFix:\n${finding.fix.replace(/^/gm, "  ")}${silenced}`;
}
