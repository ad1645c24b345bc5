// Writes docs/doctor: a page for each of the doctor's rules from the rule's own text, and the index. `node scripts/doctorDocs.ts`
// after a change of a rule; with --table the broken programs are judged anew, which takes a minute. Tests compare both.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Rule, RulePage } from "../src/doctor/finding.ts";
import { fixedProgram, pages } from "../src/doctor/pages.ts";
import { rules } from "../src/doctor/rules/index.ts";
import { valueRules } from "../src/doctor/rules/values.ts";
import { root } from "./tools.ts";

export const folder = join(root, "docs/doctor");

const start = "<!-- table: node scripts/doctorDocs.ts --table -->\n";
const end = "\n<!-- end of table -->";

function rulesOf(id: string): Rule[] {
  return [...new Set([...rules, ...valueRules])].filter((rule) => rule.id === id);
}

function severities(id: string): string {
  return [...new Set(rulesOf(id).map(({ severity }) => severity))].join(", ");
}

const code = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\``;

/** The page of a rule. `findings` are what its failing program gives, as `formatFinding` shows them. */
export function rulePage(id: string, page: RulePage, findings: readonly string[]): string {
  const fixes = [...new Set(rulesOf(id).map(({ fix }) => fix))];
  const language = (fix: string): string => (fix.startsWith("#") ? "py" : "ts");
  return `${[
    `<!-- Written by scripts/doctorDocs.ts from src/doctor/rules/${id}.ts. -->`,
    `# ${id}: ${page.title}`,
    `Severity: ${severities(id)}. Seen: ${page.seen}.`,
    page.why,
    ...(page.note ? [page.note] : []),
    "## A program that fails",
    code("ts", page.failing),
    code("text", findings.join("\n\n")),
    "## The nearest that passes",
    code("ts", fixedProgram(page)),
    "## The fix",
    ...fixes.map((fix) => code(language(fix), fix)),
    "## Where people met it",
    page.sources.map((source) => `- ${source}`).join("\n"),
  ].join("\n\n")}\n`;
}

/** The index, around a table of mutants that is kept as it is. */
export function indexPage(table: string): string {
  const rows = Object.entries(pages).map(
    ([id, page]) => `| [${id}](${id}.md) | ${page.title} | ${severities(id)} | ${page.seen} |`,
  );
  return `<!-- Written by scripts/doctorDocs.ts. -->

# The doctor

It looks at a graph, at what a run of it would do, and at what a session has done, and says what is wrong, where, and what to write
instead. Layers, update ops and optimizers are found by structure: graphs that TensorFlow exported, under any names, are judged as
those built here.

\`\`\`ts
tf.doctor(graph); // each training step of a graph; nothing runs
tf.doctor(graph, { fetches: trainOp, feeds, steps: 2000 }); // one run
session.doctor(trainOp, feeds); // with what the session has done so far
await tf.checkup(session, { fetches: trainOp, feeds }); // with the values of one run, which is taken back afterwards
\`\`\`

\`session.run\` warns by itself, once for each kind of run, of findings of severity error and warning (\`onWarning\`, by default
\`console.warn\`); so does \`fit\`. Suggestions (info) are listed by \`tf.doctor\`, and by \`session.doctor\` with
\`{ severity: "info" }\`.

Rules are silenced by id, for a session (\`tf.Session.create({ silence: ["BN005"] })\`), for a run (\`session.run(fetches, feeds,
{ silence: ["BN003"] })\`), or by the graph's author for a part of it and with a reason, which stays with the operations in the
MetaGraphDef:

\`\`\`ts
const net = tf.silence("BN013", "the checkpoint has this bias", () => block(images));
\`\`\`

Nothing is silenced without a trace: what a rule would have said is still listed, with \`silenced\` and the reason. A session made with
\`{ doctor: false }\` does not load the rules at all.

## Rules

| rule | | severity | seen |
| --- | --- | --- | --- |
${rows.join("\n")}

S: in the graph; R: in a run or a session. An error makes results wrong, a warning most likely does, an info is worth knowing.

## Broken programs

Programs that the doctor does not object to (four that TensorFlow exported, the examples' and the golden training nets, others with
non-fused layers, batch norm written by hand, two towers, nested conds, training only) are each broken in up to three ways for each
trap, chosen by a seed. Found: mutants in which the trap's rule speaks. Other errors: mutants in which another rule speaks of an
error.

${start}${table}${end}
`;
}

/** The table that stands in the index. */
export function tableOf(index: string): string {
  return index.slice(index.indexOf(start) + start.length, index.indexOf(end));
}

/** All files of docs/doctor. `run` runs a program and gives its findings as text. */
export async function files(
  run: (program: string, id: string) => Promise<readonly string[]>,
  table: string,
): Promise<Map<string, string>> {
  const result = new Map([["README.md", indexPage(table)]]);
  for (const [id, page] of Object.entries(pages))
    result.set(`${id}.md`, rulePage(id, page, await run(page.failing, id)));
  return result;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { formatTable, mutationTable } = await import("../test/doctor/mutationTable.ts");
  const { findingsText } = await import("../test/doctor/program.ts");
  const table = process.argv.includes("--table")
    ? formatTable(await mutationTable())
    : tableOf(readFileSync(join(folder, "README.md"), "utf8"));
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of await files(findingsText, table)) writeFileSync(join(folder, name), text);
}
