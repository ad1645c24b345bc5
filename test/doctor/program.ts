/** Runs a program of docs/doctor: its text, with `tf` in scope, on a default graph of its own. */
import * as tf from "../../src/entry/node.ts";

type Program = (library: typeof tf) => Promise<tf.Finding[]>;

/** What the program found. Warnings that its runs give on the way come after that. */
export async function runProgram(text: string): Promise<tf.Finding[]> {
  // oxlint-disable-next-line typescript/no-implied-eval -- the documentation's own text is what is tested
  const AsyncFunction = (async () => {}).constructor as new (name: string, body: string) => Program;
  const warned: tf.Finding[] = [];
  const library = {
    ...tf,
    Session: {
      create: (options?: tf.SessionOptions) => tf.Session.create({ onWarning: (f) => warned.push(f), ...options }),
    },
  } as unknown as typeof tf;
  tf.resetDefaultGraph();
  const findings = await new AsyncFunction("tf", `"use strict";\n${text}\nreturn findings;`)(library);
  return [...findings, ...warned];
}

/** What a page shows of its failing program: the findings of its own rule. */
export async function findingsText(program: string, id: string): Promise<string[]> {
  const findings = (await runProgram(program)).filter((finding) => finding.id === id);
  const messages = findings.map(({ severity, message }) => `${id} (${severity}): ${message}`);
  return [...new Set(messages)];
}
