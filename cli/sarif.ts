/** Findings of the doctor as SARIF 2.1.0 (OASIS), which code hosts and editors read. */
import { pathToFileURL } from "node:url";
import { isAbsolute } from "node:path";
import type { Location, Log, ReportingDescriptor, Result } from "sarif";
import type * as tf from "../src/entry/node.ts";
import { version } from "../worker/version.ts";

const levels = { error: "error", warning: "warning", info: "note" } as const;

/** One run of the doctor over the graph in a file. Graphs have no lines: places are operations, by their names. */
export function sarif(findings: readonly tf.Finding[], file: string): Log {
  const ids = [...new Set(findings.map(({ id }) => id))];
  const rules = ids.map((id): ReportingDescriptor => {
    const { fix } = findings.find((finding) => finding.id === id)!;
    return { id, help: { text: fix, markdown: `\`\`\`ts\n${fix}\n\`\`\`` } };
  });
  const uri = isAbsolute(file) ? pathToFileURL(file).href : file.split(/[\\/]/).map(encodeURIComponent).join("/");
  const results = findings.map((finding): Result => ({
    ruleId: finding.id,
    ruleIndex: ids.indexOf(finding.id),
    level: levels[finding.severity],
    message: { text: finding.message },
    locations: [place(uri, finding.ops)],
    ...(finding.silenced !== undefined && {
      suppressions: [{ kind: "external", justification: finding.silenced }],
    }),
    ...(finding.figures && { properties: { figures: finding.figures } }),
  }));
  return {
    version: "2.1.0",
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    runs: [{ tool: { driver: { name: "trainlet", semanticVersion: version, rules } }, results }],
  };
}

function place(uri: string, ops: readonly string[]): Location {
  return {
    physicalLocation: { artifactLocation: { uri } },
    logicalLocations: ops.map((name) => ({ fullyQualifiedName: name, kind: "member" })),
  };
}
