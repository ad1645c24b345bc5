/** From each earlier version of a session's tables to the next one. Sessions outlive deployments. */
import { exportMetaGraph } from "../../src/index.ts";
import type { ExampleName, GraphSource } from "../api.ts";
import { buildExample } from "../examples/index.ts";
import { columnTables } from "./columns.ts";

/** Reads what it needs, and gives what to do inside the transaction. `writeGraph` replaces the graph's chunks. */
export type Migration = (sql: SqlStorage) => Promise<(writeGraph: (bytes: Uint8Array) => void) => void>;

/** No rowid: its primary key is then no index of its own, and a write counts once. */
export const variablesTable =
  "CREATE TABLE variables (name TEXT PRIMARY KEY, dtype TEXT NOT NULL, shape TEXT NOT NULL) WITHOUT ROWID";

/** A built-in graph is stored as the graph that it is today: a later version may build another one. */
export async function storedSource(source: GraphSource): Promise<GraphSource> {
  return "example" in source ? { metaGraph: await exportMetaGraph(buildExample(source.example)) } : source;
}

export const migrations: { readonly [from: number]: Migration } = {
  /** Version 1 kept a built-in graph by its name, and had variables in a table with rowid. */
  async 1(sql) {
    const { source } = sql.exec<{ source: string }>("SELECT source FROM session").one();
    const graph = source === "example" ? await exportMetaGraph(buildExample(exampleName(sql))) : null;
    return (writeGraph) => {
      sql.exec("ALTER TABLE variables RENAME TO old_variables");
      sql.exec(variablesTable);
      sql.exec("INSERT INTO variables SELECT name, dtype, shape FROM old_variables");
      sql.exec("DROP TABLE old_variables");
      if (!graph) return;
      sql.exec("DELETE FROM chunks WHERE key = 'graph'");
      writeGraph(graph);
      sql.exec("UPDATE session SET source = 'binary'");
    };
  },
  /** Version 2 knew neither data nor fits. */
  async 2(sql) {
    return () => {
      for (const table of columnTables) sql.exec(table);
      sql.exec("ALTER TABLE session ADD COLUMN fit TEXT");
    };
  },
};

function exampleName(sql: SqlStorage): ExampleName {
  const { data } = sql.exec<{ data: ArrayBuffer }>("SELECT data FROM chunks WHERE key = 'graph'").one();
  return new TextDecoder().decode(data) as ExampleName;
}
