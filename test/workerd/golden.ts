/// <reference types="vite/types/importMeta.d.ts" />
/** Reads test/golden in workerd: vitest.config.ts binds the folder as a service. As modules the files would be too large for the
 * messages that vitest sends there. */
import { env } from "cloudflare:workers";
import type { ListGolden, ReadGolden } from "../helpers/sameBits.ts";

interface GoldenEnv {
  readonly GOLDEN: { fetch(url: string): Promise<Response> };
}

export const readGolden: ReadGolden = async (path) => {
  const response = await (env as unknown as GoldenEnv).GOLDEN.fetch(`http://golden/${path}`);
  if (!response.ok) throw new Error(`There is no test/golden/${path}.`);
  return new Uint8Array(await response.arrayBuffer());
};

/** Only the names: nothing is loaded. */
const names = Object.keys(import.meta.glob("../golden/*/*"));

export const listGolden: ListGolden = (folder) => {
  const prefix = `../golden/${folder}/`;
  return names.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
};
