/** Safetensors as columns. */
import { expect, test } from "vitest";
import { encodeSafetensors } from "../../src/formats/safetensors.ts";
import * as tf from "../../src/entry/node.ts";
import { expectMistake } from "../helpers/ops.ts";
import { gzip, streamOf } from "./bytes.ts";

const bytes = encodeSafetensors([
  ["pixels", { dtype: "uint8", shape: [3, 2, 1], data: Uint8Array.of(1, 2, 3, 4, 5, 6) }],
  ["labels", { dtype: "int32", shape: [3], data: Int32Array.of(7, 8, 9) }],
]);

test("each tensor is a column", async () => {
  for (const source of [bytes, streamOf(bytes, 5), streamOf(await gzip(bytes), 7)]) {
    const { pixels, labels } = await tf.data.safetensors(source);
    expect(pixels).toMatchObject({ dtype: "uint8", shape: [2, 1], rows: 3 });
    const into = new Float32Array(2);
    labels.gather(Int32Array.of(2, 0), 0, 2, into, 0);
    expect(Array.from(into)).toEqual([9, 7]);
  }
});

test("mistakes", async () => {
  const scalar = encodeSafetensors([["step", { dtype: "int32", shape: [], data: Int32Array.of(1) }]]);
  await expectMistake(
    () => tf.data.safetensors(scalar),
    "InvalidArgumentError: The tensor 'step' of the safetensors file has the shape []: it has no rows.",
  );
  await expect(tf.data.safetensors(bytes.slice(0, -1))).rejects.toThrow("the file is cut short");
});
