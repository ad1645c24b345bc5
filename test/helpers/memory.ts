/** Memory of the workerd processes that this process started, on systems with /proc. */
import { readFileSync } from "node:fs";
import { descendants, hasProc } from "./processes.ts";

/** Resident MiB of all of them; null where the system does not tell. */
export function workerdMebibytes(): number | null {
  if (!hasProc) return null;
  return descendants(process.pid)
    .filter(({ name }) => name === "workerd")
    .reduce((sum, { pid }) => sum + residentMebibytes(pid), 0);
}

function residentMebibytes(pid: number): number {
  try {
    const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))!;
    return Number(kibibytes) / 1024;
  } catch {
    return 0; // It has ended meanwhile.
  }
}
