// Types of inputs: the rules are TensorFlow's, every operation has one, and whatever does not fit is refused by name.
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { decodeMetaGraphDef } from "../../src/formats/metaGraphDef.ts";
import { attr } from "../../src/graph/attr.ts";
import { createOp } from "../../src/ops/build.ts";
import { definitionFor, knownTypes } from "../../src/ops/registry.ts";

const types = knownTypes().filter((type) => definitionFor(type)!.plan.kind !== "refused");

test("every operation that is computed has a rule", () => {
  expect(types.filter((type) => definitionFor(type)!.inputs === undefined)).toEqual([]);
});

describe("the rules are those of the OpDefs that TensorFlow exported", () => {
  const dtypes: { readonly [type: number]: string } = { 1: "float32", 3: "int32", 7: "string", 9: "int64", 10: "bool", 20: "resource" }; // prettier-ignore
  const graphs = ["tutorial", "lenet_momentum", "lenet_resource", "resnet_adam_schedule"];
  const opDefs = new Map(
    graphs.flatMap((graph) => {
      const file = readFileSync(new URL(`../golden/metagraph/${graph}/graph.meta`, import.meta.url));
      const { metaInfoDef } = decodeMetaGraphDef(Uint8Array.from(file));
      return (metaInfoDef?.strippedOpList?.op ?? []).map((op) => [op.name, op] as const);
    }),
  );
  const told = types.filter((type) => opDefs.has(type));

  test("of many operations", () => expect(told.length).toBeGreaterThan(50));

  test.each(told)("%s", (type) => {
    const wanted = opDefs.get(type)!.inputArg.map(({ isRef, typeAttr, typeListAttr, numberAttr, type: enumValue }) => {
      const name = typeListAttr ? "any" : typeAttr || dtypes[enumValue];
      return `${isRef ? "&" : ""}${name}${numberAttr || typeListAttr ? "*" : ""}`;
    });
    // That a resource's variable holds the type is no part of an OpDef, and which types T may be stands elsewhere in it.
    const given = definitionFor(type)!.inputs!.replaceAll(/@\w+/g, "resource").replaceAll(":int", "");
    expect(given).toBe(wanted.join(" "));
  });

  test.each(told)("%s: which attributes are integers", (type) => {
    const allowed = new Map(opDefs.get(type)!.attr.map((each) => [each.name, each.allowedValues?.value]));
    for (const [, name] of definitionFor(type)!.inputs!.matchAll(/(\w+):int/g)) {
      const values = allowed.get(name);
      const list = values?.case === "list" ? values.value.type : [];
      // Where TensorFlow takes narrower integers as well, they are not computed here.
      expect(list, name).toEqual(expect.arrayContaining([3, 9]));
      expect(list, name).not.toContain(1);
    }
  });
});

const float = { type: "DT_FLOAT" };
const long = { type: "DT_INT64" };

function placeholder(name: string, dtype: string): object {
  return { name, op: "Placeholder", attr: { dtype: { type: dtype }, shape: { shape: { unknownRank: true } } } };
}

const nodes: readonly object[] = [
  placeholder("x", "DT_FLOAT"),
  placeholder("n", "DT_INT64"),
  placeholder("flag", "DT_BOOL"),
  { name: "v", op: "VariableV2", attr: { dtype: float, shape: { shape: { dim: [{ size: "2" }] } } } },
  { name: "r", op: "VarHandleOp", attr: { dtype: float, shape: { shape: { dim: [{ size: "2" }] } } } },
];

const importWith = (...more: object[]): Promise<tf.Graph> =>
  tf.importMetaGraph({ metaInfoDef: {}, graphDef: { node: [...nodes, ...more] } }, { partial: true });

test.each<[string, object, string]>([
  ["two types where one is", { op: "Mul", input: ["x", "n"], attr: { T: float } }, "Input 1 of node 'y' (op: 'Mul') was passed int64 from 'n:0' incompatible with expected float32: cast it."],
  ["the attribute decides", { op: "Mul", input: ["x", "x"], attr: { T: long } }, "Input 0 of node 'y' (op: 'Mul') was passed float32 from 'x:0' incompatible with expected int64: cast it."],
  ["no attribute: the first input decides", { op: "AddN", input: ["x", "x", "n"] }, "Input 2 of node 'y' (op: 'AddN') was passed int64 from 'n:0' incompatible with expected float32: cast it."],
  ["a type that never varies", { op: "Switch", input: ["x", "n"], attr: { T: float } }, "Input 1 of node 'y' (op: 'Switch') was passed int64 from 'n:0' incompatible with expected bool: cast it."],
  ["axes that are no integers", { op: "Mean", input: ["x", "x"], attr: { T: float, Tidx: float } }, "Input 1 of node 'y' (op: 'Mean') was passed float32 from 'x:0'; it must be int32 or int64."],
  ["a value where a variable is written", { op: "Assign", input: ["x", "x"], attr: { T: float } }, "Input 0 of node 'y' (op: 'Assign') was passed float32 from 'x:0' incompatible with expected float32_ref: it must be a variable."],
  ["a value of another type for a variable", { op: "Assign", input: ["v", "n"], attr: { T: float } }, "Input 1 of node 'y' (op: 'Assign') was passed int64 from 'n:0' incompatible with expected float32: cast it."],
  ["a variable of another type", { op: "Assign", input: ["v", "n"], attr: { T: long } }, "Input 0 of node 'y' (op: 'Assign') was passed float32_ref from 'v:0' incompatible with expected int64_ref: it must be a variable."],
  ["a slot of an optimizer", { op: "ApplyMomentum", input: ["v", "x", "x", "x", "x"], attr: { T: float } }, "Input 1 of node 'y' (op: 'ApplyMomentum') was passed float32 from 'x:0' incompatible with expected float32_ref: it must be a variable."],
  ["a reference where a resource is written", { op: "AssignVariableOp", input: ["v", "x"], attr: { dtype: float } }, "Input 0 of node 'y' (op: 'AssignVariableOp') was passed float32_ref from 'v:0' incompatible with expected resource: cast it."],
  ["a resource as a value", { op: "Neg", input: ["r"], attr: { T: float } }, "Input 0 of node 'y' (op: 'Neg') was passed resource from 'r:0' incompatible with expected float32: cast it."],
  ["too few", { op: "Select", input: ["flag", "x"], attr: { T: float } }, "Node 'y' (op: 'Select') lacks its input 2."],
  ["too many", { op: "Mul", input: ["x", "x", "x"], attr: { T: float } }, "Node 'y' (op: 'Mul') has 3 inputs, but takes 2."],
])("%s: refused at import", async (_, node, sentence) => {
  const error: unknown = await importWith({ name: "y", ...node }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(tf.errors.InvalidArgumentError);
  expect((error as Error).message).toBe(sentence);
}); // prettier-ignore

test.each<[string, object, readonly string[]]>([
  ["a reference is read as a value", { op: "Mul", input: ["v", "x"], attr: { T: float } }, []],
  ["what comes from an operation that is not known", { op: "Mul", input: ["unknown", "x"], attr: { T: float } }, []],
  ["two groups of inputs", { op: "DynamicStitch", input: ["i", "i", "x", "x"], attr: { T: float, N: { i: "2" } } }, []],
  ["any types", { op: "IdentityN", input: ["x", "n"], attr: { T: { list: { type: ["DT_FLOAT", "DT_INT64"] } } } }, []],
])("%s: imported", async (_, node) => {
  const graph = await importWith({ name: "unknown", op: "NoSuchOp" }, placeholder("i", "DT_INT32"), { name: "y", ...node });
  expect(graph.getOperationByName("y").inputs).toHaveLength((node as { input: string[] }).input.length);
}); // prettier-ignore

describe("a resource, whose own type says nothing of its variable", () => {
  const read = { name: "read", op: "ReadVariableOp", input: ["r"], attr: { dtype: long } };
  const pass = { name: "pass", op: "Identity", input: ["r"], attr: { T: { type: "DT_RESOURCE" } } };
  const write = { name: "write", op: "AssignVariableOp", input: ["pass", "n"], attr: { dtype: long } };
  const untold = { name: "untold", op: "AssignVariableOp", input: ["r", "n"] };
  const apply = { name: "apply", op: "ResourceApplyGradientDescent", input: ["q", "x", "x"], attr: { T: float } };
  const whole = { name: "q", op: "VarHandleOp", attr: { dtype: { type: "DT_INT32" }, shape: { shape: {} } } };

  test.each([
    ["read:0", "'read' (op: 'ReadVariableOp') takes a variable of int64, but 'r' holds float32."],
    ["untold", "'untold' (op: 'AssignVariableOp') takes a variable of int64, but 'r' holds float32."],
    ["write", "'write' (op: 'AssignVariableOp') takes a variable of int64, but 'r' holds float32."],
    ["apply", "'apply' (op: 'ResourceApplyGradientDescent') takes a variable of float32, but 'q' holds int32."],
  ])("%s is refused when it is run", async (fetch, sentence) => {
    const session = await tf.Session.create({ graph: await importWith(read, pass, write, untold, whole, apply) });
    await expect(session.run(fetch, { "x:0": 1, "n:0": [1n, 2n] })).rejects.toThrow(sentence);
    session.close();
  });
});

test("builders pass the same check", () => {
  new tf.Graph().asDefault(() => {
    const [x, n] = [tf.placeholder(tf.float32, [2], "x"), tf.placeholder(tf.int32, [2], "n")];
    const both = { T: attr.type(tf.float32) };
    expect(() => createOp(definitionFor("Atan2")!, [x, n], both, "y")).toThrow(
      "Input 1 of node 'y' (op: 'Atan2') was passed int32 from 'n:0' incompatible with expected float32: cast it.",
    );
    // Whole numbers are int32 by themselves, which these operands never are.
    const { y } = tf.nn.fusedBatchNorm(tf.zeros([1, 1, 1, 2]), [1, 1], [0, 0]);
    expect(y.op.inputs.map(({ dtype }) => dtype)).toEqual(new Array(5).fill(tf.float32));
  });
});

/** Values of all types in the shapes that operations ask for, each the same numbers. */
const kinds = ["DT_FLOAT", "DT_DOUBLE", "DT_INT32", "DT_INT64", "DT_UINT8", "DT_INT8", "DT_INT16", "DT_BOOL"] as const;
const fields = { DT_FLOAT: "floatVal", DT_DOUBLE: "doubleVal", DT_INT64: "int64Val", DT_BOOL: "boolVal" } as const;

function constant(name: string, dtype: string, shape: readonly number[]): object {
  const field = fields[dtype as keyof typeof fields] ?? "intVal";
  const value = dtype === "DT_BOOL" ? true : dtype === "DT_INT64" ? "1" : 1;
  const tensor = { dtype, tensorShape: { dim: shape.map((size) => ({ size: String(size) })) }, [field]: [value] };
  return { name, op: "Const", attr: { dtype: { type: dtype }, value: { tensor } } };
}

const shapes: readonly (readonly number[])[] = [[], [1], [2], [2, 2], [1, 2, 2, 1]];
const attrNames = ["T", "Tidx", "Tshape", "Tindices", "Tparams", "dtype", "SrcT", "DstT", "out_type", "U", "TI"];
const places: { readonly [name: string]: object } = {
  strides: { list: { i: ["1", "1", "1", "1"] } },
  ksize: { list: { i: ["1", "1", "1", "1"] } },
  padding: { s: "VkFMSUQ=" },
  N: { i: "2" },
  block_size: { i: "1" },
  shape: { shape: {} },
};

/** Ones in nested lists. */
function ones([size, ...rest]: readonly number[], one: number | boolean): tf.FeedValue {
  return size === undefined ? one : (Array.from({ length: size }, () => ones(rest, one)) as tf.FeedValue);
}

function numbers(data: tf.FetchedTensor["data"]): number[] {
  return Array.from(data as ArrayLike<number | bigint>, Number);
}

function equal(a: readonly tf.FetchedTensor[], b: readonly tf.FetchedTensor[]): void {
  expect(a.map(({ data }) => numbers(data))).toEqual(b.map(({ data }) => numbers(data)));
}

const swapped = fc.record({
  type: fc.constantFrom(...types),
  inputs: fc.array(fc.record({ dtype: fc.constantFrom(...kinds), shape: fc.constantFrom(...shapes) }), { minLength: 11, maxLength: 11 }), // prettier-ignore
  /** Most of the operands have the type that most have. */
  usual: fc.constantFrom(...kinds),
  odd: fc.nat(3),
  attrs: fc.dictionary(fc.constantFrom(...attrNames), fc.constantFrom(...kinds), { maxKeys: 2 }),
});

test("operands of random types: a value that comes of ones, or a sentence; never what other types make of the same bytes", async () => {
  let ran = 0;
  await fc.assert(
    fc.asyncProperty(swapped, async ({ type, inputs, usual, odd, attrs }) => {
      const rule = definitionFor(type)!.inputs!;
      const words = rule.split(" ").filter(Boolean);
      const variables: { [name: string]: tf.FeedValue } = {};
      const node: object[] = [constant("guard", "DT_FLOAT", [4])];
      const names = words.map((word, i) => {
        const dtype = i === odd ? inputs[i].dtype : word.startsWith("int32") ? "DT_INT32" : word.includes(":int") ? "DT_INT32" : word.startsWith("bool") ? "DT_BOOL" : usual; // prettier-ignore
        const shape = { shape: { dim: inputs[i].shape.map((size) => ({ size: String(size) })) } };
        const name = `x${i}`;
        if (/^[&@]|resource/.test(word)) {
          const op = word.startsWith("&") ? "VariableV2" : "VarHandleOp";
          node.push({ name, op, attr: { dtype: { type: dtype }, shape } });
          variables[name] = ones(inputs[i].shape, dtype === "DT_BOOL" ? true : 1);
        } else node.push(constant(name, dtype, inputs[i].shape));
        return name;
      });
      const given = Object.fromEntries(Object.entries(attrs).map(([name, dtype]) => [name, { type: dtype }]));
      node.push({ name: "y", op: type, input: names, attr: { ...places, ...given } });
      const failed = (error: unknown): void => {
        expect(error).toBeInstanceOf(tf.errors.TrainletError);
        expect(error).not.toBeInstanceOf(tf.errors.InternalError);
        expect((error as Error).message).toMatch(/^[^\n]{10,700}$/);
      };
      let graph: tf.Graph;
      try {
        graph = await tf.importMetaGraph({ metaInfoDef: {}, graphDef: { node } }, { partial: true });
      } catch (error) {
        return failed(error);
      }
      const session = await tf.Session.create({ graph, seed: 1 });
      try {
        const outputs = graph.getOperationByName("y").outputs.map(({ name }) => name);
        const fetches = [...(outputs.length > 0 ? outputs : ["y"]), "guard:0"];
        session.load(variables);
        const first = (await session.run(fetches)).filter((value) => value !== undefined);
        const second = (await session.run(fetches)).filter((value) => value !== undefined);
        expect([...(first.at(-1)!.data as Float32Array)]).toEqual([1, 1, 1, 1]);
        // What stands beyond an operand is not the same in the next run.
        const { stateful, updates } = definitionFor(type)!;
        if (!stateful && !updates) equal(second, first);
        for (const value of [...first, ...session.variables().values()].flatMap(({ data }) => numbers(data))) {
          // All operands are 1: what a kernel reads of another type (1 as float32 is 1065353216) is seen at once.
          expect(Number.isNaN(value) || Math.abs(value) === Infinity || Math.abs(value) <= 255).toBe(true);
          expect(value === 0 || Math.abs(value) > 1e-7).toBe(true);
        }
        ran++;
      } catch (error) {
        if (error instanceof tf.errors.TrainletError) failed(error);
        else throw error;
      } finally {
        session.close();
      }
    }),
    { seed: 20191001, numRuns: 2000 },
  );
  // Enough of them must have been run for the property to say something.
  expect(ran).toBeGreaterThan(200);
}, 60_000);
