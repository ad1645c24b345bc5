/** Rows of text in columns: the first one to the left, numbers to the right. */

export function table(rows: readonly (readonly (number | string)[])[]): string {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map((row) => String(row[i] ?? "").length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i])))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
