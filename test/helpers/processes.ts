/** The processes that a process started, on systems with /proc. */
import { existsSync, readdirSync, readFileSync } from "node:fs";

export const hasProc = existsSync("/proc/self/stat");

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
}

function running(): Process[] {
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const [, name, state, parent] = /\((.*)\) (\S+) (\d+)/s.exec(readFileSync(`/proc/${entry}/stat`, "utf8"))!;
      // A zombie has ended, only that nobody has asked how.
      return state === "Z" ? [] : [{ pid: Number(entry), parent: Number(parent), name }];
    } catch {
      return []; // It has ended meanwhile.
    }
  });
}

/** Children, their children and so on. */
export function descendants(pid: number): Process[] {
  const all = running();
  const found: Process[] = [];
  const parents = new Set([pid]);
  for (let before = -1; before !== found.length;) {
    before = found.length;
    for (const process of all) {
      if (!parents.has(process.parent) || parents.has(process.pid)) continue;
      parents.add(process.pid);
      found.push(process);
    }
  }
  return found;
}

/** Those of the processes that have not ended after a while: some end only when they see that their parent has. */
export async function survivors(processes: readonly Process[]): Promise<Process[]> {
  for (let tries = 0; ; tries++) {
    const left = running().filter(({ pid, name }) =>
      processes.some((other) => other.pid === pid && other.name === name),
    );
    if (left.length === 0 || tries === 50) return left;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
