/** The same test in every runtime: hashes equal those of test/golden/hashes.json, which `node scripts/hashes.ts` writes. */
import { expect, test } from "vitest";
import hashes from "../golden/hashes.json" with { type: "json" };
import { subjects, type Bits } from "./sameBits.ts";

export function testSameBits(bitsOf: (subject: string) => Promise<Bits>): void {
  test.each(subjects)("%s: TensorFlow's numbers, the same bits as everywhere", async (subject) => {
    const { hash, tensors, problems } = await bitsOf(subject);
    expect(problems).toEqual([]);
    expect({ hash, tensors }).toEqual((hashes as Record<string, object>)[subject]);
  });
}
