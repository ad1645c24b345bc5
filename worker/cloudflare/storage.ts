/**
 * What a session's Durable Object keeps in SQLite: the graph as it came, the variables, and one row of state. Bytes are cut
 * into chunks, as a row holds 2 MB at most.
 */
import { FetchedTensor, errors, type DTypeName, type TypedArray } from "../../src/index.ts";
import { dtypeFromName } from "../../src/graph/dtype.ts";
import type { GraphSource } from "../api.ts";
import { fitFromText, fitToText } from "../http/fit.ts";
import type { ServiceState } from "../service.ts";
import { columnTables } from "./columns.ts";
import { migrations, storedSource, variablesTable } from "./migrations.ts";

export { storedSource };

/** Version of the tables. A change of them adds a step to `migrations`. */
const schemaVersion = 3;

const chunkBytes = 1024 ** 2;

/** `key` of the graph's chunks; variables have theirs under "variable/<name>". */
const graphKey = "graph";

export interface StoredSession {
  readonly source: GraphSource;
  readonly maxMemoryBytes: number | undefined;
  readonly state: ServiceState;
}

export class SessionStorage {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
  }

  /** Makes the tables and writes a new session, all or nothing. */
  create(source: GraphSource, maxMemoryBytes: number | undefined, state: ServiceState): void {
    this.#storage.transactionSync(() => {
      this.#sql.exec("CREATE TABLE schema (version INTEGER NOT NULL)");
      this.#sql.exec("INSERT INTO schema VALUES (?)", schemaVersion);
      this.#sql.exec(`CREATE TABLE session (
        source TEXT NOT NULL, max_memory_bytes INTEGER,
        seed INTEGER, steps INTEGER, generators TEXT, updates TEXT, fit TEXT)`);
      for (const table of [variablesTable, ...columnTables]) this.#sql.exec(table);
      this.#sql.exec(
        "CREATE TABLE chunks (key TEXT, part INTEGER, data BLOB NOT NULL, PRIMARY KEY (key, part)) WITHOUT ROWID",
      );
      const { kind, bytes } = encodeSource(source);
      this.#sql.exec("INSERT INTO session (source, max_memory_bytes) VALUES (?, ?)", kind, maxMemoryBytes ?? null);
      this.#writeChunks(graphKey, bytes);
      this.#writeState(state);
    });
  }

  /** Writes what changed, all or nothing. */
  update(state: ServiceState): void {
    this.#storage.transactionSync(() => this.#writeState(state));
  }

  exists(): boolean {
    return this.#sql.exec("SELECT name FROM sqlite_master WHERE name = 'schema'").toArray().length > 0;
  }

  /** The stored session, brought to today's tables; null where there is none. */
  async read(): Promise<StoredSession | null> {
    if (!this.exists()) return null;
    const { version } = this.#sql.exec<{ version: number }>("SELECT version FROM schema").one();
    if (version > schemaVersion) {
      throw new errors.UnimplementedError(`The session is stored in version ${version}, known is ${schemaVersion}.`);
    }
    for (let from = version; from < schemaVersion; from++) await this.#migrate(from);
    const row = this.#sql.exec<SessionRow>("SELECT * FROM session").one();
    const variables = this.#sql.exec<VariableRow>("SELECT * FROM variables").toArray();
    return {
      source: decodeSource(row.source, this.#readChunks(graphKey)),
      maxMemoryBytes: row.max_memory_bytes ?? undefined,
      state: {
        seed: row.seed,
        steps: row.steps,
        fit: row.fit === null ? null : fitFromText(row.fit),
        generators: JSON.parse(row.generators) as ServiceState["generators"],
        updates: JSON.parse(row.updates) as ServiceState["updates"],
        variables: new Map(variables.map((variable) => [variable.name, this.#readVariable(variable)])),
      },
    };
  }

  async delete(): Promise<void> {
    await Promise.all([this.#storage.deleteAlarm(), this.#storage.deleteAll()]);
  }

  /** One version further, all or nothing. */
  async #migrate(from: number): Promise<void> {
    const finish = await migrations[from](this.#sql);
    this.#storage.transactionSync(() => {
      finish((bytes) => this.#writeChunks(graphKey, bytes));
      this.#sql.exec("UPDATE schema SET version = ?", from + 1);
    });
  }

  #writeState({ seed, steps, fit, generators, updates, variables }: ServiceState): void {
    this.#sql.exec(
      "UPDATE session SET seed = ?, steps = ?, fit = ?, generators = ?, updates = ?",
      seed,
      steps,
      fit && fitToText(fit),
      JSON.stringify(generators),
      JSON.stringify(updates),
    );
    for (const [name, { dtype, shape, data }] of variables) {
      this.#sql.exec("INSERT OR IGNORE INTO variables VALUES (?, ?, ?)", name, dtype, JSON.stringify(shape));
      this.#writeChunks(variableKey(name), new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  }

  #readVariable({ name, dtype: dtypeName, shape }: VariableRow): FetchedTensor {
    const { buffer } = this.#readChunks(variableKey(name));
    const Array = dtypeFromName(dtypeName).array as unknown as new (buffer: ArrayBufferLike) => TypedArray;
    return new FetchedTensor(new Array(buffer), JSON.parse(shape) as number[], dtypeName);
  }

  /** A value keeps its size, so that its chunks replace those before. */
  #writeChunks(key: string, bytes: Uint8Array): void {
    for (let part = 0; part * chunkBytes < bytes.length; part++) {
      this.#sql.exec("INSERT OR REPLACE INTO chunks VALUES (?, ?, ?)", key, part, chunkOf(bytes, part));
    }
  }

  #readChunks(key: string): Uint8Array {
    const chunks = this.#sql
      .exec<{ data: ArrayBuffer }>("SELECT data FROM chunks WHERE key = ? ORDER BY part", key)
      .toArray();
    const bytes = new Uint8Array(chunks.reduce((sum, { data }) => sum + data.byteLength, 0));
    let at = 0;
    for (const { data } of chunks) {
      bytes.set(new Uint8Array(data), at);
      at += data.byteLength;
    }
    return bytes;
  }
}

/** The buffer itself where it is no larger. */
function chunkOf(bytes: Uint8Array, part: number): ArrayBuffer {
  const whole = bytes.byteLength === bytes.buffer.byteLength && bytes.length <= chunkBytes;
  return (whole ? bytes : bytes.slice(part * chunkBytes, (part + 1) * chunkBytes)).buffer as ArrayBuffer;
}

type SessionRow = {
  source: "binary" | "json";
  max_memory_bytes: number | null;
  seed: number;
  steps: number;
  fit: string | null;
  generators: string;
  updates: string;
};

type VariableRow = { name: string; dtype: DTypeName; shape: string };

function variableKey(name: string): string {
  return `variable/${name}`;
}

/** A graph as it came: importing it again gives the same one. */
function encodeSource(source: GraphSource): { kind: SessionRow["source"]; bytes: Uint8Array } {
  const { metaGraph } = source as { readonly metaGraph: Uint8Array | string | object };
  if (metaGraph instanceof Uint8Array) return { kind: "binary", bytes: metaGraph };
  const text = typeof metaGraph === "string" ? metaGraph : JSON.stringify(metaGraph);
  return { kind: "json", bytes: new TextEncoder().encode(text) };
}

function decodeSource(kind: SessionRow["source"], bytes: Uint8Array): GraphSource {
  if (kind === "binary") return { metaGraph: bytes };
  return { metaGraph: new TextDecoder().decode(bytes) };
}
