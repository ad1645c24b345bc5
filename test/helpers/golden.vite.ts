/// <reference types="vite/types/importMeta.d.ts" />
/** Reads test/golden where there is no file system: Vite puts the files into modules, one each, loaded when read. */
import type { ListGolden, ReadGolden } from "./sameBits.ts";

const files = import.meta.glob<string>(
  [
    "../golden/*/*.json",
    "../golden/*/*.safetensors",
    "../golden/metagraph/*/{case.json,graph.json,graph.meta,io.safetensors}",
  ],
  { query: "?url&inline", import: "default" },
);

export const readGolden: ReadGolden = async (path) => {
  const load = files[`../golden/${path}`];
  if (!load) throw new Error(`There is no test/golden/${path}.`);
  const url = await load();
  return Uint8Array.from(atob(url.slice(url.indexOf(",") + 1)), (character) => character.charCodeAt(0));
};

export const listGolden: ListGolden = (folder) => {
  const prefix = `../golden/${folder}/`;
  return Object.keys(files)
    .filter((path) => path.startsWith(prefix))
    .map((path) => path.slice(prefix.length))
    .sort();
};
