/** The types that an operation's inputs must have, checked where it is built or imported: a kernel reads its operands as the
 * type of one of them (tensorflow/core/framework/op_def_util.cc, graph_constructor.cc).
 *
 * A definition's `inputs` has a word for each:
 * - `T`: the type that attribute T tells; without the attribute, the type of the first such input
 * - `int32`: this type          - `any`: whichever
 * - `T:int`: int32 or int64     - `T*`: any number of such inputs, two such words having as many
 * - `&T`: a reference           - `@T`: a resource, whose variable holds the type */
import { bool, float32, int32, int64, resource, string, unknownType, type DType } from "../graph/dtype.ts";
import { InvalidArgumentError } from "../graph/errors.ts";
import type { Operation, Tensor } from "../graph/operation.ts";
import { isVariable, variableType } from "../graph/variableOps.ts";
import type { NodeView, OpDefinition } from "./definition.ts";

const fixed: { readonly [name: string]: DType | undefined } = { bool, float32, int32, int64, resource, string };

/** A word for each of `count` inputs; fewer or more than `count` if these are not as many as the operation takes. */
export function inputTypes({ inputs = "any*" }: OpDefinition, count: number): string[] {
  const words = inputs.split(" ").filter(Boolean);
  const repeated = words.filter((word) => word.endsWith("*")).length;
  const each = Math.max(0, Math.floor((count - words.length + repeated) / repeated));
  return words.flatMap((word) => (word.endsWith("*") ? new Array<string>(each).fill(word.slice(0, -1)) : [word]));
}

/** `source` names the tensor that an input is.
 * @throws InvalidArgumentError where an input has another type than it must. */
export function checkInputTypes(
  definition: OpDefinition,
  node: NodeView,
  name: string,
  source: (index: number) => string,
): void {
  const bound = new Map<string, DType>();
  inputTypes(definition, node.inputCount).forEach((word, i) => {
    const given = node.inputDtype(i);
    // What comes out of an operation that is not known here is computed by nobody.
    if (word === "any" || given.base === unknownType) return;
    const refuse = (why: string): void => {
      const passed = `Input ${i} of node '${name}' (op: '${definition.type}') was passed ${given} from '${source(i)}'`;
      throw new InvalidArgumentError(`${passed}${why}.`);
    };
    const isReference = word.startsWith("&");
    const [of, integer] = word.replace("&", "").split(":");
    const expected = of.startsWith("@") ? resource : (told(of, node) ?? bound.get(of) ?? given.base);
    bound.set(of, expected);
    if (given.base !== expected || (isReference && !given.isRef)) {
      const way = isReference ? "it must be a variable" : "cast it";
      refuse(` incompatible with expected ${isReference ? expected.ref : expected}: ${way}`);
    }
    if (integer && expected !== int32 && expected !== int64) refuse("; it must be int32 or int64");
  });
}

function told(of: string, { op }: NodeView): DType | undefined {
  const attr = op.attrs[of];
  return attr && "type" in attr ? attr.type.base : fixed[of];
}

/** A resource's type says nothing of what its variable holds: that is known where the variable is.
 * @throws InvalidArgumentError where it holds another type than the operation reads or writes. */
export function checkResources(op: Operation, definition: OpDefinition, rootOf: (tensor: Tensor) => Tensor): void {
  if (!definition.inputs?.includes("@")) return;
  const words = inputTypes(definition, op.inputs.length);
  words.forEach((word, i) => {
    const { op: variable } = rootOf(op.inputs[i]);
    if (!word.startsWith("@") || !isVariable(variable)) return;
    const of = word.slice(1);
    const expected = op.hasAttr(of) ? op.dtype(of).base : op.inputs[words.indexOf(of)]?.dtype.base;
    const held = variableType(variable).dtype;
    if (held !== expected) {
      throw new InvalidArgumentError(
        `'${op.name}' (op: '${op.type}') takes a variable of ${expected}, but '${variable.name}' holds ${held}.`,
      );
    }
  });
}
