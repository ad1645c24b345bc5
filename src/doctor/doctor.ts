/** The doctor: every rule over one examination. */
import type { Examination } from "./examination.ts";
import type { Case, Finding, Rule, Severity } from "./finding.ts";
import { severities } from "./format.ts";
import { silencedBy } from "./silence.ts";

/** What `rules` find, the worst first. `silenced` ids are found too, and marked. */
export function examine(x: Examination, rules: readonly Rule[], silenced: readonly string[] = []): Finding[] {
  const findings = rules.flatMap((rule) => {
    const groups = new Map<string, { severity: Severity; reason: string | null; cases: Case[] }>();
    for (const found of rule.look(x)) {
      const severity = found.severity ?? rule.severity;
      const reason = silenced.includes(rule.id)
        ? "silenced by the caller"
        : (found.ops.map((op) => silencedBy(op, rule.id)).find((why) => why !== null) ?? null);
      const key = `${severity} ${reason}`;
      const group = groups.get(key);
      if (group) group.cases.push(found);
      else groups.set(key, { severity, reason, cases: [found] });
    }
    return [...groups.values()].map((group) => findingOf(rule, group.cases, x, group));
  });
  return findings.sort((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity));
}

function findingOf(
  rule: Rule,
  cases: readonly Case[],
  x: Examination,
  { severity, reason }: { severity: Severity; reason: string | null },
): Finding {
  const figures = cases
    .filter(({ figure }) => figure !== undefined)
    .map(({ name, figure }) => [name, figure!] as const);
  return {
    id: rule.id,
    severity,
    message: rule.say(cases, x),
    ops: [...new Set(cases.flatMap(({ ops }) => ops.map((op) => op.name)))],
    fix: rule.fix,
    layers: [...new Set(cases.map(({ name }) => name))],
    ...(figures.length > 0 && { figures: Object.fromEntries(figures) }),
    ...(reason !== null && { silenced: reason }),
  };
}
