// Runs the commands of docs/http.md against a local Worker and writes what they print below them. `node scripts/httpDocs.ts`,
// after a change of the routes; a test compares.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { startServer } from "./server.ts";
import { root } from "./tools.ts";

export const docs = join(root, "docs/http.md");

const block = /```console\n([^]*?)```/g;
const marker = "== next ==";

/** The page with outputs as they are now. */
export async function withOutputs(text: string): Promise<string> {
  const commands = [...text.matchAll(block)].flatMap(([, body]) => commandsOf(body));
  const server = await startServer(0);
  const folder = mkdtempSync(join(tmpdir(), "http-docs-"));
  try {
    symlinkSync(join(root, "examples"), join(folder, "examples"));
    // Each output on lines of its own, whether or not it ends its last line.
    const script = commands.map((command) => `{ ${command}\n} 2>&1; echo; echo '${marker}'`).join("\n");
    const env = { ...process.env, URL: server.url, NO_PROXY: "*", no_proxy: "*" };
    const { stdout } = await promisify(execFile)("bash", ["-c", script], { cwd: folder, env, timeout: 60_000 });
    const outputs = stdout.replaceAll(server.url, "$URL").split(`${marker}\n`).map(shortened);
    return text.replace(block, (_all, body: string) => {
      const lines = commandsOf(body).map((command) => `$ ${command}\n${outputs.shift()}`);
      return `\`\`\`console\n${lines.join("")}\`\`\``;
    });
  } finally {
    rmSync(folder, { recursive: true });
    await server.dispose();
  }
}

function commandsOf(body: string): string[] {
  return body.split("\n").flatMap((line) => (line.startsWith("$ ") ? [line.slice(2)] : []));
}

function shortened(output: string): string {
  const text = output
    .replaceAll("\r", "")
    .replace(/^\[\d+\] \d+\n/gm, "")
    .replace(/\b([0-9a-f]{6})[0-9a-f]{58}\b/g, () => "5f2c9e…")
    .replace(/\n+$/, "");
  return text === "" ? "" : `${text}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(docs, await withOutputs(readFileSync(docs, "utf8")));
  process.exit(0);
}
