/** What became of a case, and how an error of the library reads as one. */
import { errors } from "../../src/index.ts";
import { compare, type Tolerance, type Value } from "./compare.ts";
import { Unsupported } from "./goldenCase.ts";

export interface Outcome {
  readonly id: string;
  readonly family: string;
  readonly status: "passed" | "failed" | "unsupported";
  /** For a failed case: what is wrong, a sentence each. */
  readonly problems: readonly string[];
  /** For an unsupported case: what the library lacks. */
  readonly ops: readonly string[];
  /** The largest part of a tolerance that was used. */
  readonly used: number;
}

/** Collects the comparisons of a case. A wrong value fails it, whatever else is unsupported. */
export class Checks {
  readonly #problems: string[] = [];
  readonly #ops = new Set<string>();
  #used = 0;
  #count = 0;

  check(name: string, got: Value | undefined, want: Value, tolerance: Tolerance): void {
    this.#count++;
    if (!got) {
      this.#problems.push(`${name}: no value was computed`);
      return;
    }
    const { mismatch, used } = compare(got, want, tolerance);
    this.#used = Math.max(this.#used, used);
    if (mismatch !== null)
      this.#problems.push(`${name} ${mismatch}`.replace(" [", mismatch.startsWith("[") ? "[" : " ["));
  }

  unsupported(op: string): void {
    this.#ops.add(op);
  }

  /** An error that ended the case. */
  caught(error: unknown): void {
    if (error instanceof Unsupported) error.ops.forEach((op) => this.#ops.add(op));
    else if (error instanceof errors.UnimplementedError) this.#ops.add(opNamedIn(error));
    else this.#problems.push(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  }

  outcome(family: string, id: string): Outcome {
    const nothing = this.#count === 0 && this.#ops.size === 0 && this.#problems.length === 0;
    const problems = nothing ? ["the case expects nothing"] : this.#problems;
    const status = problems.length > 0 ? "failed" : this.#ops.size > 0 ? "unsupported" : "passed";
    return { id, family, status, problems, ops: [...this.#ops], used: this.#used };
  }
}

/** The library names the type as (op: 'MaxPool'). */
function opNamedIn({ message }: Error): string {
  return /\(op: '([^']+)'\)/.exec(message)?.[1] ?? message;
}
