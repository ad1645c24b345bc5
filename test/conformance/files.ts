/** Finds cases in folders. Node only; what it gives can be run in any host. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isManifest, parseCase, type GoldenCase, type Manifest } from "./goldenCase.ts";
import { programFamily, type Program, type ProgramManifest } from "./metagraph.ts";
import { Checks, type Outcome } from "./outcome.ts";

/** A case that has yet to be read: a broken file fails as that case. */
export interface CaseFile<T> {
  readonly id: string;
  readonly family: string;
  read(): T;
}

/** All cases below a folder: the JSON files with a case's keys, whatever the folders are called. */
export function goldenFiles(folder: string): CaseFile<GoldenCase>[] {
  return jsonFiles(folder).flatMap((path) => {
    const fallback = { id: `${basename(dirname(path))}/${basename(path, ".json")}`, family: basename(dirname(path)) };
    let manifest: Manifest;
    try {
      const json: unknown = JSON.parse(readFileSync(path, "utf8"));
      if (!isManifest(json)) return [];
      manifest = json;
    } catch (error) {
      return [{ ...fallback, read: () => raise(error) }];
    }
    const { id, family } = manifest;
    return [{ id, family, read: () => parseCase(manifest, readFileSync(join(dirname(path), manifest.tensors))) }];
  });
}

/** The programs below a folder: each folder with a case.json, the given one included. */
export function programFiles(folder: string): CaseFile<Program>[] {
  return jsonFiles(folder)
    .filter((path) => basename(path) === "case.json")
    .map((path) => {
      const from = dirname(path);
      const name = basename(from);
      const read = (): Program => ({
        name,
        manifest: JSON.parse(readFileSync(path, "utf8")) as ProgramManifest,
        metaGraph: readFileSync(join(from, "graph.meta")),
        io: readFileSync(join(from, "io.safetensors")),
      });
      return { id: name, family: programFamily, read };
    });
}

/** Reads and runs a case. What cannot be read has failed. */
export async function runFile<T>(file: CaseFile<T>, run: (content: T) => Promise<Outcome>): Promise<Outcome> {
  let content: T;
  try {
    content = file.read();
  } catch (error) {
    const checks = new Checks();
    checks.caught(error);
    return checks.outcome(file.family, file.id);
  }
  return run(content);
}

function jsonFiles(folder: string): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw new Error(`'${folder}' is not a folder.`);
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".json"))
    .sort()
    .map((path) => join(folder, path));
}

function raise(error: unknown): never {
  throw error;
}
