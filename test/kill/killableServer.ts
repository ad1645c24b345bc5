/** A Worker with its sessions in a folder, in a process group of its own, so that one SIGKILL ends workerd, too. */
import { spawn, type ChildProcess } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { descendants, hasProc, survivors } from "../helpers/processes.ts";

/** Windows has no process groups. */
export const canKill = process.platform !== "win32";

export class KillableServer {
  readonly #child: ChildProcess;
  readonly url: string;
  #killed: ReturnType<typeof descendants> = [];

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  static async start(folder: string): Promise<KillableServer> {
    const script = fileURLToPath(new URL("serve.ts", import.meta.url));
    const child = spawn(process.execPath, [script, folder], { detached: true, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const url = new Promise<string>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (chunk) => {
          output += String(chunk);
          const [found] = /^http:\/\/127\.0\.0\.1:\d+$/m.exec(output) ?? [];
          if (found) resolve(found);
        });
      }
      child.once("error", reject);
      child.once("exit", () => reject(new Error(`The server ended:\n${output}`)));
    });
    try {
      return new KillableServer(child, await url);
    } catch (error) {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
      throw error;
    }
  }

  /** Returns before the processes are gone: see `gone`. */
  kill(): void {
    this.#killed = hasProc ? descendants(this.#child.pid!) : [];
    process.kill(-this.#child.pid!, "SIGKILL");
  }

  /** Resolves when none of its processes is left; the folder is free then. */
  async gone(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await new Promise((resolve) => this.#child.once("exit", resolve));
    }
    const left = await survivors(this.#killed);
    if (left.length > 0) throw new Error(`SIGKILL left ${left.map(({ name, pid }) => `${name} ${pid}`).join(", ")}.`);
  }
}

/** Ids of the Durable Objects that have a file in the folder. */
export function storedIds(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).flatMap((file) => {
    const [, id] = /SessionObject[/\\]([0-9a-f]{64})\.sqlite$/.exec(file) ?? [];
    return id === undefined ? [] : [id];
  });
}
