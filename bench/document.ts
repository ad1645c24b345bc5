// Tables inside of a document: each group's stand between two comments, and what is between them is replaced.

/** @throws Error where the document has no place for the group. */
export function replaceTables(document: string, group: string, tables: string): string {
  const [begin, end] = [`<!-- bench ${group} -->`, "<!-- end -->"];
  const from = document.indexOf(begin);
  const to = document.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`The document has no place for the group '${group}': ${begin} … ${end}.`);
  return `${document.slice(0, from + begin.length)}\n\n${tables}\n\n${document.slice(to)}`;
}
