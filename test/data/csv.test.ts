/** CSV: fields by name and place, classes, quotes, in whatever pieces it comes; and rows that are damaged. */
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { expectMistake } from "../helpers/ops.ts";
import { gzip, streamOf, text } from "./bytes.ts";

function valuesOf(column: tf.data.Column): number[] {
  const into = new Float64Array(column.rows * column.shape.reduce((a, b) => a * b, 1));
  column.gather(
    Int32Array.from({ length: column.rows }, (_, i) => i),
    0,
    column.rows,
    into,
    0,
  );
  return Array.from(into);
}

const flowers = text(
  'length,width,"the, species"\r\n5.1,3.5,setosa\r\n7, 3.2 ,versicolor\r\n"6.3",-2e-1,"virginica"\r\n4,1,setosa\r\n',
);
const columns = {
  x: { fields: ["width", "length"] },
  y: { fields: 2, classes: ["setosa", "versicolor", "virginica"], dtype: "uint8" },
} as const;

describe("columns", () => {
  test.each([1, 2, 7, 30, 1000])("from pieces of %i bytes, and gzipped", async (size) => {
    for (const bytes of [flowers, await gzip(flowers)]) {
      const { x, y } = await tf.data.csv(streamOf(bytes, size), { columns });
      expect(x).toMatchObject({ dtype: "float32", shape: [2], rows: 4 });
      expect(y).toMatchObject({ dtype: "uint8", shape: [], rows: 4 });
      expect(valuesOf(x)).toEqual([3.5, 5.1, 3.2, 7, -0.2, 6.3, 1, 4].map(Math.fround));
      expect(valuesOf(y)).toEqual([0, 1, 2, 0]);
    }
  });

  test("without a header, by place, with a shape, behind another delimiter, with lines between that are empty", async () => {
    const source = text("1;2;3;4;9\n\n5;6;7;8;8\n");
    const { x, y } = await tf.data.csv(source, {
      header: false,
      delimiter: ";",
      columns: { x: { fields: { from: 0, to: 3 }, shape: [2, 2], dtype: "uint8" }, y: { fields: 4, dtype: "int32" } },
    });
    expect(x).toMatchObject({ dtype: "uint8", shape: [2, 2], rows: 2 });
    expect(valuesOf(x)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(valuesOf(y)).toEqual([9, 8]);
  });

  test("of more rows than fit at first", async () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `${i},${-i}`);
    const { x } = await tf.data.csv(text(`a,b\n${lines.join("\n")}`), {
      columns: { x: { fields: ["b", "a"], dtype: "int32" } },
    });
    expect(x.rows).toBe(5000);
    expect(valuesOf(x).slice(-2)).toEqual([-4999, 4999]);
  });

  test("in UTF-8 that is cut within a letter", async () => {
    const { x } = await tf.data.csv(streamOf(text("größe\n1\n"), 1), { columns: { x: { fields: "größe" } } });
    expect(valuesOf(x)).toEqual([1]);
  });
});

describe("mistakes", () => {
  const one = (source: string, more: Partial<tf.data.CsvColumn> = {}): Promise<unknown> =>
    tf.data.csv(text(source), { columns: { x: { fields: "a", ...more } } });

  test.each<[string, () => Promise<unknown>, string]>([
    ["no number", () => one("a,b\n1,2\nx,3\n"), "Row 3 of the CSV, field 'a': 'x' is not a number."],
    ["an empty field", () => one("a,b\n,2\n"), "Row 2 of the CSV, field 'a': '' is not a number."],
    ["too few fields", () => one("a,b\n1,2\n3\n"), "Row 3 of the CSV has 1 fields, the first one has 2."],
    ["too many fields", () => one("a,b\n1,2,3\n"), "Row 2 of the CSV has 3 fields, the first one has 2."],
    [
      "out of range",
      () => one("a,b\n256,0\n", { dtype: "uint8" }),
      "Row 2 of the CSV, field 'a': 256 does not fit into uint8.",
    ],
    [
      "a fraction",
      () => one("a,b\n1.5,0\n", { dtype: "int32" }),
      "Row 2 of the CSV, field 'a': 1.5 does not fit into int32.",
    ],
    [
      "another class",
      () => one("a,b\ncat,0\n", { classes: ["dog", "bird"] }),
      "Row 2 of the CSV, field 'a': 'cat' is none of 'dog', 'bird'.",
    ],
    ["no such field", () => one("b,c\n1,2\n"), "The CSV column 'x' wants the field 'a'; the file has 'b', 'c'."],
    [
      "no such place",
      () => one("a,b\n1,2\n", { fields: 2 }),
      "The CSV column 'x' wants the field '2'; the file has 2 fields.",
    ],
    ["no fields", () => one("a,b\n1,2\n", { fields: [] }), "The CSV column 'x' has no fields."],
    [
      "another shape",
      () => one("a,b\n1,2\n", { shape: [2] }),
      "The CSV column 'x' has 1 fields, its shape [2] needs 2.",
    ],
    ["only a header", () => one("a,b\n"), "The CSV has no rows."],
    ["nothing", () => one(""), "The CSV has no rows."],
    [
      "a quote that does not end",
      () => one('a,b\n1,"2\n3,4\n'),
      "The CSV is damaged at line 2, column 3: Unexpected EOF while parsing quoted field.",
    ],
  ])("%s", (_, body, sentence) => expectMistake(body, `InvalidArgumentError: ${sentence}`));
});
