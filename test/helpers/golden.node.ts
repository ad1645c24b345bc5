/** Reads test/golden in Node. */
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { ListGolden, ReadGolden } from "./sameBits.ts";

const urlOf = (path: string): URL => new URL(`../golden/${path}`, import.meta.url);

export const readGolden: ReadGolden = async (path) => Uint8Array.from(await readFile(urlOf(path)));

export const listGolden: ListGolden = (folder) => readdirSync(urlOf(folder)).sort();
