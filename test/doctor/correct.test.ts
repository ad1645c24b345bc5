/** Correct programs: no error and no warning, under any names, looked at or run. */
import { describe, expect, test } from "vitest";
import * as tf from "../../src/entry/node.ts";
import { programs, renamed } from "./programs.ts";

const worse = (findings: readonly tf.Finding[]): unknown[] =>
  findings.filter(({ severity }) => severity !== "info").map(({ id, message }) => [id, message]);

describe.each(programs)("$name", (program) => {
  const evaluation = program.training ? { [program.training]: false } : {};

  test("looked at", async () => {
    const graph = await program.build();
    const feeds = program.feeds(program.batch);
    expect(worse(tf.doctor(graph))).toEqual([]);
    const trained = tf.doctor(graph, { fetches: program.train, feeds, steps: 2000 });
    expect(worse(trained)).toEqual([]);
    expect(trained.filter(({ id }) => id !== "BN013" && id !== "BN014")).toEqual([]);
    const evaluated = { fetches: program.evaluate, feeds: { ...feeds, ...evaluation } };
    expect(program.evaluate.length > 0 ? tf.doctor(graph, evaluated) : []).toEqual([]);
    expect(worse(tf.doctor(graph, { fetches: program.init }))).toEqual([]);
  });

  test("under names that say nothing", async () => {
    const { graph, nameOf } = await renamed(await program.build());
    const feeds = Object.fromEntries(Object.entries(program.feeds(program.batch)).map(([k, v]) => [nameOf(k), v]));
    expect(worse(tf.doctor(graph, { fetches: program.train.map(nameOf), feeds }))).toEqual([]);
    const off = program.training ? { [nameOf(program.training)]: false } : {};
    const evaluated = { fetches: program.evaluate.map(nameOf), feeds: { ...feeds, ...off } };
    expect(program.evaluate.length > 0 ? tf.doctor(graph, evaluated) : []).toEqual([]);
  });

  test("run", async () => {
    const warnings: tf.Finding[] = [];
    const session = await tf.Session.create({
      graph: await program.build(),
      onWarning: (found) => warnings.push(found),
    });
    const feeds = program.feeds(program.batch);
    await session.run(program.init);
    expect(worse(await tf.checkup(session, { fetches: program.train, feeds }))).toEqual([]);
    for (let i = 0; i < 2; i++) {
      if (program.evaluate.length > 0) await session.run(program.evaluate, { ...feeds, ...evaluation });
      await session.run(program.train, feeds, { repeat: 3 });
    }
    if (program.evaluate.length > 0) await session.run(program.evaluate, { ...feeds, ...evaluation });
    expect(warnings).toEqual([]);
    session.close();
  });
});
