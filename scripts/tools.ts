// What the scripts share: the project's folder and how they run its tools.
import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../", import.meta.url));

/** Runs a tool of node_modules/.bin, its output on ours, and answers its exit code. */
export function run(tool: string, args: readonly string[]): Promise<number> {
  const PATH = join(root, "node_modules", ".bin") + delimiter + (process.env.PATH ?? "");
  const child = spawn(tool, args, {
    cwd: root,
    env: { ...process.env, PATH },
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
}
