/** How often the right rule fires on broken programs: the table of docs/doctor/README.md. */
import * as tf from "../../src/entry/node.ts";
import { Context, mutations } from "./mutations.ts";
import { programs } from "./programs.ts";

/** Mutants of each program for each trap. */
const seeds = [1, 2, 3];

export interface TableRow {
  readonly id: string;
  readonly what: string;
  readonly programs: number;
  readonly mutants: number;
  readonly found: number;
  /** Mutants in which another rule speaks of an error. */
  readonly others: number;
  /** What went otherwise. */
  readonly notes: readonly string[];
}

export async function mutationTable(): Promise<TableRow[]> {
  const rows = mutations.map(({ id, what }) => ({
    id,
    what,
    programs: 0,
    mutants: 0,
    found: 0,
    others: 0,
    notes: [] as string[],
  }));
  for (const program of programs) {
    const json = JSON.stringify(await tf.exportMetaGraphJson(await program.build()));
    for (const [i, { id, run }] of mutations.entries()) {
      const row = rows[i];
      let broken = false;
      for (const seed of seeds) {
        const findings = await run(new Context(program, json, seed));
        if (findings === null) continue;
        broken = true;
        row.mutants++;
        const others = findings.filter((finding) => finding.id !== id && finding.severity === "error");
        if (findings.some((finding) => finding.id === id)) row.found++;
        else
          row.notes.push(
            `${program.name}, seed ${seed}: not found; ${findings.map((finding) => finding.id).join() || "nothing is"}`,
          );
        if (others.length > 0) {
          row.others++;
          row.notes.push(
            `${program.name}, seed ${seed}: ${others.map(({ id: other, message }) => `${other} ${message}`).join(" ")}`,
          );
        }
      }
      if (broken) row.programs++;
    }
  }
  return rows;
}

/** The rows as docs/doctor/README.md shows them. */
export function formatTable(rows: readonly TableRow[]): string {
  const cells = rows.map(({ id, what, programs: count, mutants, found, others }) => [
    `[${id}](${id}.md)`,
    what,
    count,
    mutants,
    `${found} (${Math.round((100 * found) / mutants)} %)`,
    others,
  ]);
  const lines = [
    ["rule", "mutation", "programs", "mutants", "found", "other errors"],
    new Array(6).fill("---"),
    ...cells,
  ];
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}
