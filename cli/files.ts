/** Files of the command line: graphs, checkpoints in either form, and writing so that a crash leaves the old file or the new one. */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { open, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import * as tf from "../src/entry/node.ts";
import { UsageError } from "./io.ts";

export async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw fileError(`'${path}' cannot be read`, error);
  }
}

/** Writes beside it, then takes its place. */
export async function writeBytes(path: string, content: Uint8Array | string): Promise<void> {
  const part = join(dirname(path), `.${basename(path)}.${randomUUID()}.part`);
  try {
    const file = await open(part, "wx");
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw fileError(`'${path}' cannot be written`, error);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is a file",
  EACCES: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
};

function fileError(what: string, error: unknown): UsageError {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return new UsageError(`${what}: ${reasons[code] ?? message}.`, { cause: error });
}

/** A graph from a .meta file or from its JSON. */
export async function readGraph(path: string, options: { partial?: boolean } = {}): Promise<tf.Graph> {
  const bytes = await readBytes(path);
  return named(path, () => tf.importMetaGraph(isJson(path) ? new TextDecoder().decode(bytes) : bytes, options));
}

/** Puts the file's name before what is wrong with its contents. */
export async function named<T>(path: string, body: () => T | Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof tf.errors.TrainletError) throw new UsageError(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

export function isJson(path: string): boolean {
  return extname(path).toLowerCase() === ".json";
}

/** A safetensors file; or one of TensorFlow's, by its prefix (`model.ckpt-100`), its index or its data. */
export async function readCheckpoint(path: string): Promise<Uint8Array | tf.TensorFlowCheckpoint> {
  const prefix = tensorFlowPrefix(path);
  if (prefix === null) return readBytes(path);
  const index = await readBytes(`${prefix}.index`);
  const folder = dirname(prefix);
  const beginning = `${basename(prefix)}.data-`;
  // Names sort as their numbers do.
  const names = (await readdir(folder)).filter((name) => name.startsWith(beginning)).sort();
  if (names.length === 0) throw new UsageError(`'${prefix}.index' has no '${beginning}00000-of-00001' beside it.`);
  return { index, data: await Promise.all(names.map((name) => readBytes(join(folder, name)))) };
}

function tensorFlowPrefix(path: string): string | null {
  const match = /^(.+)\.(index|data-\d{5}-of-\d{5})$/.exec(path);
  if (match) return match[1];
  return !existsSync(path) && existsSync(`${path}.index`) ? path : null;
}

/** A session of a graph, with the values of a checkpoint where one is given. Findings go to nobody: `doctor` shows them. */
export async function openSession(
  graph: tf.Graph,
  { checkpoint, ...options }: { checkpoint?: string } & Pick<tf.SessionOptions, "seed" | "silence" | "onWarning">,
): Promise<tf.Session> {
  const session = await tf.Session.create({ graph, onWarning: () => {}, ...options });
  if (checkpoint !== undefined) {
    const stored = await readCheckpoint(checkpoint);
    await named(checkpoint, () => session.restore(stored));
  }
  return session;
}
