/** stats, doctor, plan and convert over TensorFlow's own files. */
import { readFileSync, writeFileSync } from "node:fs";
import type { Log } from "sarif";
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { decodeSafetensors } from "../../src/formats/safetensors.ts";
import { version } from "../../worker/version.ts";
import { golden, goldenBytes, temporaryFolder, trainlet } from "./run.ts";

const temporary = temporaryFolder();
const tutorial = golden("tutorial/graph.meta");
const lenet = golden("lenet_momentum/graph.meta");

describe("stats", () => {
  test("a graph alone", async () => {
    const { code, out } = await trainlet("stats", tutorial);
    expect(code).toBe(0);
    expect(out).toMatch(/^91 operations, 6 variables \(4\.0 KiB\), 1 batch-norm layer with update ops\n/);
    expect(out).toMatch(/^ {2}conv_1\/kernel +\[3,3,3,32\] +float32 +3\.4 KiB$/m);
    expect(out).toMatch(/^ {2}bn {2}momentum 0\.99$/m);
  });

  test.each([
    ["its prefix", "tutorial/ckpt"],
    ["its index", "tutorial/ckpt.index"],
    ["its data", "tutorial/ckpt.data-00000-of-00001"],
  ])("with TensorFlow's checkpoint, by %s", async (_, checkpoint) => {
    const { out } = await trainlet("stats", tutorial, golden(checkpoint), "--format", "json");
    const { layers } = JSON.parse(out) as { layers: { mean: { min: number }; updates: number | null }[] };
    const { data } = decodeSafetensors(goldenBytes("tutorial/io.safetensors")).tensors.get("final/bn/moving_mean")!;
    expect(layers).toMatchObject([{ layer: "bn", channels: 32, momentum: 0.99, updates: null, untouched: false }]);
    expect(layers[0].mean.min).toBe(Math.min(...(data as Float32Array)));
  });

  test("statistics that nobody updated are told, and how much of the start is left", async () => {
    const session = await tf.Session.create({ graph: await tf.importMetaGraph(goldenBytes("tutorial/graph.meta")) });
    await session.run("init");
    writeFileSync(temporary("untouched.safetensors"), await session.checkpoint());
    await session.run("train_op", { "input_node:0": new Float32Array(30_000).fill(1) }, { repeat: 2 });
    writeFileSync(temporary("touched.safetensors"), await session.checkpoint());
    session.close();
    const untouched = await trainlet("stats", tutorial, temporary("untouched.safetensors"));
    expect(untouched.out).toMatch(/^ {2}bn +32 +0\.99 +0 +100 % +0 … 0 … 0 +1 … 1 … 1 +never updated: still 0 and 1$/m);
    const touched = await trainlet("stats", tutorial, temporary("touched.safetensors"));
    expect(touched.out).toMatch(/^ {2}bn +32 +0\.99 +2 +98\.01 % /m);
    expect(touched.out).not.toContain("never updated");
  });
});

describe("doctor", () => {
  test("a run that trains well: exit code 0", async () => {
    expect(await trainlet("doctor", tutorial, "--fetch", "train_op")).toEqual({
      code: 0,
      out: "Nothing found in a run of train_op.\n",
      err: "",
    });
  });

  test("a run without the update ops: exit code 1", async () => {
    const { code, out, err } = await trainlet("doctor", tutorial, "--fetch", "net:0");
    expect({ code, err }).toEqual({ code: 1, err: "" });
    expect(out).toMatch(/^BN001 \(\w+\): .*'bn' normalises with batch statistics.*\nFix:\n {2}const updateOps/);
  });

  test("without a fetch it looks at the training steps that the graph has", async () => {
    expect(await trainlet("doctor", lenet)).toEqual({
      code: 0,
      out: "Nothing found in its training steps.\n",
      err: "",
    });
    const graph = new tf.Graph();
    graph.asDefault(() => {
      const x = tf.placeholder(tf.float32, [null, 4, 4, 3], "x");
      const loss = tf.reduceMean(tf.layers.batchNormalization(x, { training: true, name: "bn" }));
      new tf.train.GradientDescentOptimizer(0.1).minimize(loss, { name: "step" });
    });
    writeFileSync(temporary("forgets.meta"), await tf.exportMetaGraph(graph));
    const { code, out } = await trainlet("doctor", temporary("forgets.meta"));
    expect({ code, out }).toEqual({ code: 1, out: expect.stringContaining("BN001") as string });
  });

  test("with a checkpoint it wants to know which run", async () => {
    const checkpoint = golden("tutorial/ckpt");
    expect((await trainlet("doctor", tutorial, checkpoint, "--fetch", "net:0")).out).toMatch(/^BN001/);
    expect((await trainlet("doctor", tutorial, checkpoint)).err).toBe(
      "trainlet: With a checkpoint --fetch is needed: name what the run fetches, as in --fetch train_op.\n",
    );
  });

  test("what is silenced is told, and is no reason to fail", async () => {
    for (const checkpoint of [[], [golden("tutorial/ckpt")]]) {
      const run = ["doctor", tutorial, ...checkpoint, "--fetch", "net:0", "--silence", "BN001"];
      const text = await trainlet(...run);
      expect(text.out).toMatch(/^BN001.*\nFix:[^]*\nSilenced: /);
      expect(text.code).toBe(0);
      const log = JSON.parse((await trainlet(...run, "--format", "sarif")).out) as Log;
      expect(log.runs[0].results!.map(({ suppressions }) => suppressions)).toEqual([
        [{ kind: "external", justification: expect.any(String) as string }],
      ]);
    }
    const { code, err } = await trainlet("doctor", tutorial, "--fetch", "net:0", "--silence", "BN999");
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining("BN999") as string });
  });

  test("feeds decide: inference needs no update ops", async () => {
    const { code } = await trainlet("doctor", tutorial, "--fetch", "net:0", "--feed", "training=false");
    expect(code).toBe(0);
  });

  test("as JSON the findings of session.doctor", async () => {
    const { out } = await trainlet("doctor", tutorial, "--fetch", "net:0", "--format", "json");
    const graph = await tf.importMetaGraph(goldenBytes("tutorial/graph.meta"));
    const session = await tf.Session.create({ graph });
    expect(JSON.parse(out)).toEqual(session.doctor("net:0", undefined, { severity: "warning" }));
    session.close();
  });

  test("as SARIF 2.1.0, with operations for places", async () => {
    const { code, out } = await trainlet("doctor", tutorial, "--fetch", "net:0", "--format", "sarif");
    expect(code).toBe(1);
    const log = JSON.parse(out) as Log;
    expect(log).toMatchObject({
      version: "2.1.0",
      runs: [{ tool: { driver: { name: "trainlet", semanticVersion: version } } }],
    });
    const [{ tool, results }] = log.runs;
    const [result] = results!;
    expect(result).toMatchObject({
      ruleId: "BN001",
      ruleIndex: 0,
      message: { text: expect.stringContaining("'bn'") as string },
    });
    expect(["error", "warning", "note"]).toContain(result.level);
    expect(tool.driver.rules!.map(({ id }) => id)).toEqual(["BN001"]);
    const [place] = result.locations!;
    expect(new URL(place.physicalLocation!.artifactLocation!.uri!).protocol).toBe("file:");
    expect(place.logicalLocations!.map(({ fullyQualifiedName }) => fullyQualifiedName)).toEqual([
      "bn/AssignMovingAvg",
      "bn/AssignMovingAvg_1",
    ]);
    const clean = await trainlet("doctor", tutorial, "--fetch", "train_op", "--format", "sarif");
    expect((JSON.parse(clean.out) as Log).runs[0].results).toEqual([]);
  });
});

describe("plan", () => {
  test("placeholders are planned for the batch that is asked", async () => {
    const { code, out } = await trainlet("plan", lenet, "--fetch", "train_op", "--batch", "7");
    expect(code).toBe(0);
    expect(out).toMatch(/^Plan: \d+ steps, 2 feeds, 1 fetch, arena /);
    expect(out).toMatch(/ input:0 \[7,8,8,1\] float32 /);
  });

  test("shapes and values of one's own", async () => {
    const { out } = await trainlet(
      "plan",
      lenet,
      "--fetch",
      "logits:0",
      "--shape",
      "input=3,8,8,1",
      "--feed",
      "training=false",
    );
    expect(out).toMatch(/ input:0 \[3,8,8,1\] float32 /);
    expect(out).toContain("fusedBatchNormInference");
    expect(out).not.toContain("labels:0");
  });

  test("a placeholder that leaves more open than its first size", async () => {
    const graph = new tf.Graph();
    graph.asDefault(() => tf.identity(tf.placeholder(tf.float32, [null, null, 3], "x"), "y"));
    writeFileSync(temporary("open.meta"), await tf.exportMetaGraph(graph));
    const { code, err } = await trainlet("plan", temporary("open.meta"), "--fetch", "y:0");
    expect(code).toBe(2);
    expect(err).toContain(
      "The placeholder 'x' has the shape [?,?,3]: say which to plan for, as in --shape x=32,28,28,1.",
    );
    expect((await trainlet("plan", temporary("open.meta"), "--fetch", "y:0", "--shape", "x=2,5,3")).code).toBe(0);
  });
});

describe("convert", () => {
  test("a graph to JSON and back is the same file", async () => {
    const [json, meta] = [temporary("graph.json"), temporary("graph.meta")];
    expect(await trainlet("convert", tutorial, json)).toMatchObject({ code: 0, out: "" });
    expect((await trainlet("convert", json, meta)).code).toBe(0);
    expect(new Uint8Array(readFileSync(meta))).toEqual(goldenBytes("tutorial/graph.meta"));
    const printed = JSON.parse(readFileSync(golden("tutorial/graph.json"), "utf8")) as { graphDef: object };
    expect((JSON.parse(readFileSync(json, "utf8")) as typeof printed).graphDef).toEqual(printed.graphDef);
  });

  test("TensorFlow's checkpoint to safetensors, which restores into the graph", async () => {
    const file = temporary("model.safetensors");
    expect((await trainlet("convert", golden("lenet_momentum/ckpt"), file)).code).toBe(0);
    const { tensors, metadata } = decodeSafetensors(readFileSync(file));
    const want = decodeSafetensors(goldenBytes("lenet_momentum/io.safetensors")).tensors;
    expect(tensors.size).toBe(25);
    expect(tensors.get("fc/kernel")).toEqual(want.get("final/fc/kernel"));
    expect(metadata.batch_norm_momentum).toContain("decay");
    const stats = await trainlet("stats", lenet, file);
    expect(stats).toMatchObject({ code: 0, out: expect.stringContaining("unknown") as string });
  });

  test.each([
    [
      "an ending that says nothing",
      [tutorial, "graph.pb"],
      "'graph.pb' ends in '.pb': write to .meta, .json or .safetensors.",
    ],
    [
      "safetensors to safetensors",
      [golden("tutorial/io.safetensors"), "a.safetensors"],
      "is no checkpoint of TensorFlow's: give its prefix",
    ],
    [
      "a prefix without files",
      ["nothing", "a.safetensors"],
      "'nothing' cannot be read: there is no such file or folder.",
    ],
    [
      "a folder that is not there",
      [tutorial, temporary("no/graph.json")],
      "cannot be written: there is no such file or folder.",
    ],
  ])("%s is refused", async (_, args, message) => {
    const { code, err } = await trainlet("convert", ...args);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });

  test("an index without data", async () => {
    writeFileSync(temporary("alone.index"), goldenBytes("tutorial/ckpt.index"));
    const { err } = await trainlet("convert", temporary("alone"), temporary("a.safetensors"));
    expect(err).toContain("has no 'alone.data-00000-of-00001' beside it.");
  });

  test("a file that cannot be read leaves what was there", async () => {
    writeFileSync(temporary("keep.safetensors"), "before");
    writeFileSync(temporary("bad.index"), goldenBytes("tutorial/ckpt.index"));
    writeFileSync(temporary("bad.data-00000-of-00001"), new Uint8Array(4096));
    const { code, err } = await trainlet("convert", temporary("bad"), temporary("keep.safetensors"));
    expect(code).toBe(2);
    expect(err).toMatch(/bad: The tensor '.*' has the checksum/);
    expect(readFileSync(temporary("keep.safetensors"), "utf8")).toBe("before");
  });
});
