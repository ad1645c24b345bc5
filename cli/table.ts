/** Columns for people. */

/** Rows with columns of one width; those of `right` end where the others begin. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths = rows.reduce<number[]>((all, row) => row.map((cell, i) => Math.max(all[i] ?? 0, cell.length)), []);
  return rows
    .map((row) =>
      `  ${row.map((cell, i) => (right.includes(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join("  ")}`.trimEnd(),
    )
    .join("\n");
}

/** Five digits, as far as they say anything. */
export function number(value: number): string {
  return String(Number(value.toPrecision(5)));
}
