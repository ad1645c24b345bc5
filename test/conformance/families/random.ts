/** Family random: one node with the case's own seeds, run three times in one session. */
import * as tf from "../../../src/index.ts";
import type { Value } from "../compare.ts";
import { withSession, type Adapter } from "./adapter.ts";

export const random: Adapter = async (golden) => {
  const { attrs, op } = golden;
  const isInt = op === "RandomUniformInt";
  const shape = attrs.numbers("shape");
  // An imported node, since builders derive seed and seed2 from the graph's seed.
  const graph = await tf.importMetaGraph({
    // What the operation gives, for kinds that the library does not know.
    metaInfoDef: {
      strippedOpList: { op: [{ name: op, outputArg: [{ name: "output", typeAttr: isInt ? "Tout" : "dtype" }] }] },
    },
    graphDef: {
      node: [
        constInt32("shape", shape, [shape.length]),
        ...(isInt ? ["minval", "maxval"].map((name) => constInt32(name, [attrs.number(name)], [])) : []),
        {
          name: "random",
          op,
          input: ["shape", ...(isInt ? ["minval", "maxval"] : [])],
          attr: {
            seed: { i: String(attrs.number("seed")) },
            seed2: { i: String(attrs.number("seed2")) },
            T: { type: "DT_INT32" },
            ...(isInt ? { Tout: { type: "DT_INT32" } } : { dtype: { type: "DT_FLOAT" } }),
          },
        },
      ],
    },
  });
  return withSession(graph, async (session) => {
    const values = new Map<string, Value>();
    // run0, run1, …: where each run goes on from the one before.
    for (const [i, name] of [...golden.outputs.keys()].sort().entries()) {
      if (name !== `run${i}`) throw new Error(`The case has an output '${name}', run${i} is expected.`);
      values.set(name, await session.run("random:0"));
    }
    return values;
  });
};

function constInt32(name: string, values: readonly number[], shape: readonly number[]): object {
  const tensor = {
    dtype: "DT_INT32",
    tensorShape: { dim: shape.map((size) => ({ size: String(size) })) },
    intVal: values,
  };
  return { name, op: "Const", attr: { dtype: { type: "DT_INT32" }, value: { tensor } } };
}
