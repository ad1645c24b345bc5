/** Where commands write, and the mistakes that end them with one line. */

/** What a command prints to: the terminal, a pipe, or a test. */
export interface Output {
  /** Results: standard output. */
  out(text: string): void;
  /** Everything else: standard error. */
  err(text: string): void;
  /** True where a person watches. */
  readonly tty: boolean;
}

/** What the caller got wrong: told in one line, exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** Exit codes: 1 is what a command found, 2 what it could not do, 130 an interrupt. */
export const exitCode = { ok: 0, findings: 1, failed: 2, interrupted: 130 } as const;
