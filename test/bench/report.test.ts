/** bench/report.ts: ratios of rows, and the tables for people. */
import { describe, expect, test } from "vitest";
import { fromNchw, fromOihw, nchw, oihw, operandsOf } from "../../bench/convShapes.ts";
import { replaceTables } from "../../bench/document.ts";
import { timing } from "../../bench/measure.ts";
import { figureTable, peakTable, profileTable, rowOf, table } from "../../bench/report.ts";

const what = { group: "conv", case: "8x8", variant: "forward" };

describe("rows", () => {
  test("the ratio is the peer's time over ours, of medians and of the shortest rounds", () => {
    const row = rowOf(what, timing("trainlet", [2, 1, 4]), timing("peer", [6, 5, 8]));
    expect(row).toEqual({
      ...what,
      peer: "peer",
      ourMs: 2,
      peerMs: 6,
      ratio: 3,
      ratioOfMinima: 5,
      ratioRange: [2.2, 4.6],
    });
  });

  test("a peer that was timed once is compared with each of our rounds", () => {
    const { ratio, ratioOfMinima, ratioRange } = rowOf(what, timing("trainlet", [2, 1, 4]), timing("peer", [100]));
    expect([ratio, ratioOfMinima, ratioRange]).toEqual([50, 100, [30, 90]]);
  });
});

describe("tables", () => {
  const rows = [
    rowOf(what, timing("trainlet", [0.1234]), timing("peer", [123.4])),
    rowOf({ ...what, variant: "dX" }, timing("trainlet", [20]), timing("another peer", [25])),
  ];

  test("in columns, with three digits that count", () => {
    expect(table(rows).split("\n")).toEqual([
      "case  variant  peer          ours ms  peer ms  ratio  of minima    10–90 %",
      "8x8   forward  peer            0.123      123   1000       1000  1000–1000",
      "8x8   dX       another peer     20.0     25.0   1.25       1.25  1.25–1.25",
    ]);
  });

  test("as Markdown, numbers to the right", () => {
    const [header, rule, first] = table(rows, "markdown").split("\n");
    expect(header).toBe("| case | variant | peer         | ours ms | peer ms | ratio | of minima |   10–90 % |");
    expect(rule).toBe("| ---- | ------- | ------------ | ------: | ------: | ----: | --------: | --------: |");
    expect(first).toBe("| 8x8  | forward | peer         |   0.123 |     123 |  1000 |      1000 | 1000–1000 |");
  });

  test("of peaks and of plain figures, which may lack some", () => {
    const peak = {
      group: "peak",
      case: "matmul",
      fraction: 0.934,
      fractionOfMinima: 0.95,
      gflops: 51,
      peakGflops: 54.6,
    };
    expect(peakTable([{ ...peak, group: "peak" }])).toBe(
      "case    GFLOP/s  peak  fraction  of minima\nmatmul     51.0  54.6      0.93       0.95",
    );
    const operation = { group: "profile", case: "ResNet-8", variant: "stem/Conv2D", kernel: "conv2d" } as const;
    const rows = [
      { ...operation, ms: 2, share: 0.25, flops: 1e8, bytes: 3e6 },
      { ...operation, variant: "3 others", kernel: "", ms: 0.5, share: 0.0625, flops: 0, bytes: 0 },
    ];
    expect(profileTable(rows)).toBe(
      [
        "case      operation    kernel     ms  of step  GFLOP/s  GB/s",
        "ResNet-8  stem/Conv2D  conv2d   2.00   25.0 %     50.0   1.5",
        "ResNet-8  3 others             0.500    6.3 %",
      ].join("\n"),
    );
    const figures = [
      { group: "scale", case: "ResNet-8", variant: "batch 4", ms: 10, msEach: 2.5, bytes: 4096 * 1024 },
      { group: "start", case: "Node", variant: "compile", ms: 1.5 },
    ];
    expect(figureTable(figures)).toBe(
      [
        "case      variant    ms  ms each    KiB",
        "ResNet-8  batch 4  10.0     2.50  4,096",
        "Node      compile  1.50",
      ].join("\n"),
    );
  });
});

test("tables in a document take the place of those before", () => {
  const document = "a\n<!-- bench peak -->\nold\n<!-- end -->\nb\n<!-- bench conv -->\n<!-- end -->\n";
  const once = replaceTables(document, "conv", "| new |");
  expect(once).toBe("a\n<!-- bench peak -->\nold\n<!-- end -->\nb\n<!-- bench conv -->\n\n| new |\n\n<!-- end -->\n");
  expect(replaceTables(once, "conv", "| new |")).toBe(once);
  expect(replaceTables(once, "peak", "| p |")).toContain("a\n<!-- bench peak -->\n\n| p |\n\n<!-- end -->\nb\n");
  expect(() => replaceTables(document, "step", "x")).toThrow(
    "The document has no place for the group 'step': <!-- bench step --> … <!-- end -->.",
  );
});

test("layouts: there and back, and the elements where they belong", () => {
  const { x, w } = operandsOf({ batch: 2, size: 4, channels: 3, filters: 5, window: 3, stride: 1 });
  expect([x.shape, w.shape]).toEqual([
    [2, 4, 4, 3],
    [3, 3, 3, 5],
  ]);
  const [byChannel, byFilter] = [nchw(x.data, x.shape), oihw(w.data, w.shape)];
  // Image 1, row 2, column 3, channel 1; and window row 1, column 2, channel 2, filter 4.
  expect(byChannel[1 * 48 + 1 * 16 + 2 * 4 + 3]).toBe(x.data[1 * 48 + 2 * 12 + 3 * 3 + 1]);
  expect(byFilter[4 * 27 + 2 * 9 + 1 * 3 + 2]).toBe(w.data[1 * 45 + 2 * 15 + 2 * 5 + 4]);
  expect(fromNchw(byChannel, x.shape)).toEqual(x.data);
  expect(fromOihw(byFilter, w.shape)).toEqual(w.data);
});
