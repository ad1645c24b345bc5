/** How values of options are read. */
import { InvalidArgumentError } from "commander";
import { UsageError } from "./io.ts";

/** An option that may be given again. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** Checked here and not by the parser, which would say that it is missing where it is misspelt. */
export function required(fetch: readonly string[] | undefined): readonly string[] {
  if (fetch) return fetch;
  throw new UsageError("--fetch is missing: name what the run fetches, as in --fetch train_op.");
}

export function wholeNumber(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError("Write a whole number of at least 1.");
  return number;
}

export function integer(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new InvalidArgumentError("Write a whole number.");
  return number;
}
