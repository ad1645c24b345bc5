// A table for a terminal: a line of headings, then the rows, in columns as wide as their widest cell.
export function printTable(headings: readonly string[], rows: readonly (readonly (number | string)[])[]): void {
  const lines = [headings, ...rows].map((row) => row.map(String));
  const widths = headings.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  const text = lines.map((line) => line.map((cell, i) => cell.padStart(widths[i])).join("   "));
  console.log(["", text[0], "-".repeat(text[0].length), ...text.slice(1), ""].join("\n"));
}
