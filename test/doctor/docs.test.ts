/** docs/doctor says what the rules say. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { files, folder, tableOf } from "../../scripts/doctorDocs.ts";
import { findingsText } from "./program.ts";

const read = (name: string): string => readFileSync(join(folder, name), "utf8");

test("every page is as scripts/doctorDocs.ts writes it", async () => {
  const wanted = await files(findingsText, tableOf(read("README.md")));
  expect(readdirSync(folder).sort()).toEqual([...wanted.keys()].sort());
  for (const [name, text] of wanted) expect(read(name), name).toBe(text);
});
