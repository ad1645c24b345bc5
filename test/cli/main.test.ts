/** How the command line answers: help, versions, and one line for every mistake. */
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { golden, saying, spawnTrainlet, temporaryFolder, trainlet } from "./run.ts";

const temporary = temporaryFolder();
const graph = golden("tutorial/graph.meta");

test("the help names every command, and each has its own", async () => {
  const help = await trainlet("--help");
  expect(help).toMatchObject({ code: 0, err: "" });
  for (const command of ["train", "stats", "doctor", "plan", "convert"]) {
    expect(help.out).toMatch(new RegExp(`^  ${command} .*\\w`, "m"));
    for (const own of [await trainlet(command, "--help"), await trainlet("help", command)]) {
      expect(own).toMatchObject({
        code: 0,
        err: "",
        out: expect.stringContaining(`Usage: trainlet ${command}`) as string,
      });
      expect(own.out.split("\n").every((line) => line.length <= 120)).toBe(true);
    }
  }
});

test("docs/cli.md names every option", async () => {
  const page = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");
  for (const command of ["train", "stats", "doctor", "plan", "convert"]) {
    const { out } = await trainlet(command, "--help");
    const options = [...out.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, option]) => option);
    expect(options).toContain("--help");
    expect(options.filter((option) => !page.includes(option))).toEqual([]);
  }
});

test("the version is the package's", async () => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  expect(await trainlet("--version")).toEqual({ code: 0, out: `${version}\n`, err: "" });
});

test("without a command it says how it is used, and fails", async () => {
  expect(await trainlet()).toMatchObject({
    code: 2,
    out: "",
    err: expect.stringContaining("Usage: trainlet") as string,
  });
});

describe("a mistake is one line on standard error, and exit code 2:", () => {
  writeFileSync(temporary("broken.json"), "{");
  writeFileSync(temporary("cut.meta"), readFileSync(graph).subarray(0, 1000));

  test.each<[string, string[], string | RegExp]>([
    ["a command that does not exist", ["docter"], "unknown command 'docter'. (Did you mean doctor?)"],
    ["a flag that is misspelt", ["plan", graph, "--fetc", "net:0"], "unknown option '--fetc'. (Did you mean --fetch?)"],
    ["a flag without its value", ["plan", graph, "--batch"], "option '--batch <n>' argument missing."],
    ["no graph", ["stats"], "missing required argument 'graph'."],
    [
      "a graph behind a flag of many values",
      ["plan", "--fetch", "a", graph],
      "missing required argument 'graph'. Write it before options that take several values.",
    ],
    ["one argument too many", ["convert", "a", "b", "c"], /^too many arguments/],
    ["no fetch", ["plan", graph], "--fetch is missing: name what the run fetches, as in --fetch train_op."],
    [
      "a choice that does not exist",
      ["doctor", graph, "--fetch", "net:0", "--format", "xml"],
      /^option '--format <format>' argument 'xml' is invalid\. Allowed choices are text, json, sarif\.$/,
    ],
    [
      "a number that is none",
      ["plan", graph, "--fetch", "net:0", "--batch", "0"],
      /argument '0' is invalid\. Write a whole number of at least 1\.$/,
    ],
    [
      "a file that is not there",
      ["stats", "nothing.meta"],
      "'nothing.meta' cannot be read: there is no such file or folder.",
    ],
    ["a folder", ["stats", temporary(".")], /cannot be read: it is a folder\.$/],
    ["JSON that is cut", ["stats", temporary("broken.json")], /broken\.json: The MetaGraphDef is not JSON: .*$/],
    [
      "a graph that is cut",
      ["stats", temporary("cut.meta")],
      /cut\.meta: The MetaGraphDef of 1000 bytes is cut short: it ends inside meta_info_def, .* Get the file whole\.$/,
    ],
    [
      "a checkpoint for a graph",
      ["stats", golden("tutorial/ckpt.index")],
      /This is no MetaGraphDef, but the index of a checkpoint/,
    ],
    [
      "a checkpoint of another graph",
      ["stats", graph, golden("lenet_momentum/ckpt")],
      /ckpt: The checkpoint does not fit the graph: it lacks 'bn\/gamma'/,
    ],
    [
      "a fetch that does not exist",
      ["plan", graph, "--fetch", "nte"],
      /The name 'nte' refers to an Operation not in the graph\.$/,
    ],
    [
      "a feed without a name",
      ["plan", graph, "--fetch", "net:0", "--feed", "false"],
      "--feed 'false' lacks a name: write --feed training=false.",
    ],
    [
      "a feed that is no JSON",
      ["plan", graph, "--fetch", "net:0", "--feed", "training=no"],
      "--feed training has the value 'no', which is not JSON: write a number, true, false or [1, 2].",
    ],
    [
      "a shape that is none",
      ["plan", graph, "--fetch", "net:0", "--shape", "input_node=a"],
      "--shape input_node is 'a': write whole numbers with commas, as in 32,28,28,1.",
    ],
  ])("%s", async (_, args, message) => {
    const { code, out, err } = await trainlet(...args);
    expect({ code, out, lines: err.split("\n").length }).toEqual({ code: 2, out: "", lines: 2 });
    expect(err.startsWith("trainlet: ")).toBe(true);
    const said = err.slice("trainlet: ".length, -1);
    expect(said).toEqual(saying(message));
  });
});

test("as a process: results on standard output, mistakes on standard error", { timeout: 60_000 }, async () => {
  const [plan, wrong] = await Promise.all([
    spawnTrainlet(["plan", graph, "--fetch", "net:0"]),
    spawnTrainlet(["plan", graph, "--fech", "net:0"]),
  ]);
  expect(plan).toMatchObject({ code: 0, out: expect.stringMatching(/^Plan: \d+ steps/) as string });
  expect(wrong).toEqual({ code: 2, out: "", err: "trainlet: unknown option '--fech'. (Did you mean --fetch?)\n" });
});
