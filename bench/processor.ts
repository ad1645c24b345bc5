// One processor for processes that take turns. On a virtual machine with two, free to use both, the same step took up to 1.6 times as
// long in most runs; presumably because the idle one is given to others until it is woken. (Contenders within one process stay free:
// on one processor their times varied more.)
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
