/** Reads test/golden in Node. */
import { readFile } from "node:fs/promises";
import type { ReadGolden } from "./sameBits.ts";

export const readGolden: ReadGolden = async (path) =>
  Uint8Array.from(await readFile(new URL(`../golden/${path}`, import.meta.url)));
