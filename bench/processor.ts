// One processor for processes that take turns. Otherwise each wakes another one that was idle, which on a virtual machine is a place
// taken by somebody else by now: the same step takes up to 1.6 times as long. (Contenders within one process stay free: there the
// engine's own threads would be in their way.)
import { execFileSync } from "node:child_process";

/** Keeps this process, and those that it starts from now on, on the first processor it may use; where there is no `taskset` (it is
 * Linux's) they stay free. Answers how to undo it. */
export function shareOneProcessor(): () => void {
  const taskset = (...args: string[]): string =>
    execFileSync("taskset", ["-acp", ...args, `${process.pid}`], { encoding: "utf8", stdio: "pipe" });
  try {
    // "pid 7's current affinity list: 0,1", a line for each thread.
    const before = /list: (\S+)/.exec(taskset())![1];
    taskset(/^\d+/.exec(before)![0]);
    return () => taskset(before);
  } catch {
    return () => {};
  }
}
