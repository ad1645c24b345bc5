/** Random legal graphs give the same bits whatever the planner may do: reuse memory, work in place, poison what is free. */
import fc from "fast-check";
import { expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";

/** One operation of a random graph: which, and which earlier values it takes (modulo how many there are). */
const instruction = fc.record({
  kind: fc.constantFrom(
    "add",
    "multiply",
    "maximum",
    "negative",
    "square",
    "sum",
    "bias",
    "cond",
    "assign",
    "addN",
    "identity",
    "gradient",
  ),
  a: fc.nat(1000),
  b: fc.nat(1000),
  c: fc.nat(1000),
});
type Instruction = typeof instruction extends fc.Arbitrary<infer T> ? T : never;

const program = fc.record({
  instructions: fc.array(instruction, { minLength: 3, maxLength: 40 }),
  fetches: fc.array(fc.nat(1000), { minLength: 1, maxLength: 4 }),
  rows: fc.constantFrom(1, 2, 5),
  columns: fc.constantFrom(1, 3, 4, 9),
  flag: fc.boolean(),
});
type Program = typeof program extends fc.Arbitrary<infer T> ? T : never;

/** Builds the program; the values that may be fetched and the feeds' names are fixed by it. */
function build({ instructions, columns }: Program): { values: tf.Tensor[]; updates: tf.Tensor[]; init: tf.Operation } {
  const x = tf.placeholder(tf.float32, [null, columns], "x");
  const flag = tf.placeholder(tf.bool, [], "flag");
  const stored = tf.variable(true, { name: "stored" });
  const w = tf.variable(
    Array.from({ length: columns }, (_, i) => 0.5 + i / 8),
    { dtype: tf.float32, name: "w" },
  );
  const values: tf.Tensor[] = [x, tf.multiply(x, w)];
  const updates: tf.Tensor[] = [];
  const take = (i: number): tf.Tensor => values[i % values.length];
  const scaled = (t: tf.Tensor): tf.Tensor => tf.multiply(t, 0.25);
  const make: Readonly<Record<Instruction["kind"], (i: Instruction) => tf.Tensor>> = {
    add: ({ a, b }) => tf.add(take(a), take(b)),
    multiply: ({ a, b }) => scaled(tf.multiply(take(a), take(b))),
    maximum: ({ a, b }) => tf.maximum(take(a), take(b)),
    negative: ({ a }) => tf.negative(take(a)),
    square: ({ a }) => scaled(tf.square(take(a))),
    sum: ({ a, b }) => tf.add(take(b), tf.reduceMean(take(a), 0, { keepDims: true })),
    bias: ({ a }) => tf.add(take(a), w),
    cond: ({ a, b, c }) =>
      tf.cond(
        c % 2 ? flag : stored,
        () => tf.add(take(a), 1),
        () => tf.negative(take(b)),
      ),
    assign: ({ a, c }) => {
      const after = c % 3 === 0 ? [take(c)] : [];
      const update = tf.controlDependencies(after, () => tf.assignAdd(w, scaled(tf.reduceMean(take(a), 0))));
      updates.push(update);
      return c % 2 ? tf.controlDependencies([update], () => tf.add(take(a), tf.identity(w.ref))) : take(a);
    },
    addN: ({ a, b, c }) => scaled(tf.addN([take(a), take(b), take(c)])),
    identity: ({ a }) => tf.identity(take(a)),
    gradient: ({ a }) => tf.gradients(tf.square(take(a)), [take(a)])[0]!,
  };
  for (const item of instructions) values.push(make[item.kind](item));
  return { values, updates, init: tf.globalVariablesInitializer() };
}

async function bits(
  graph: tf.Graph,
  built: ReturnType<typeof build>,
  { fetches, rows, columns, flag }: Program,
  planner: tf.SessionOptions["planner"],
): Promise<string> {
  const session = await tf.Session.create({ graph, planner });
  await session.run(built.init);
  const data = Float32Array.from({ length: rows * columns }, (_, i) => Math.fround(Math.sin(i + 1)));
  const feeds = { "x:0": { data, shape: [rows, columns] }, "flag:0": flag };
  const wanted = [
    ...fetches.map((i) => built.values[i % built.values.length]),
    ...built.updates.map((update) => update.op),
  ];
  const seen: string[] = [];
  for (let run = 0; run < 3; run++) {
    const results = (await session.run(wanted, feeds)) as (tf.FetchedTensor | undefined)[];
    for (const result of results) if (result) seen.push(Buffer.from(result.data.buffer).toString("base64"));
  }
  for (const [name, { data: value }] of session.variables())
    seen.push(name, Buffer.from(value.buffer).toString("base64"));
  session.close();
  return seen.join("\n");
}

const planners: readonly tf.SessionOptions["planner"][] = [
  { poison: true },
  { inPlace: false },
  { reuse: false },
  { reuse: false, inPlace: false, poison: true },
];

test("memory reuse and in-place operations never change a bit", async () => {
  const runs = Number(process.env.TRAINLET_FUZZ_RUNS ?? 60);
  await fc.assert(
    fc.asyncProperty(program, async (item) => {
      const graph = new tf.Graph();
      const built = graph.asDefault(() => build(item));
      const wanted = await bits(graph, built, item, {});
      for (const planner of planners) expect(await bits(graph, built, item, planner)).toBe(wanted);
    }),
    { seed: 20191001, numRuns: runs },
  );
}, 120_000);
