// The MNIST page's settings, curves and pictures: nothing here needs a page.
import { describe, expect, test } from "vitest";
import { addBatch, csvOf, heldOutAt, startCurves, type Curves } from "../../app/mnist/curves.ts";
import { pictureOf } from "../../app/mnist/picture.ts";
import { defaults, fromQuery, toQuery } from "../../app/mnist/url.ts";

describe("settings in the URL", () => {
  test("come back", () => {
    const settings = { host: "edge", epochs: 5, batch: 32, rate: 0.01, updates: false } as const;
    expect(fromQuery(toQuery(settings))).toEqual(settings);
    expect(toQuery(defaults)).toBe("");
  });

  test.each([
    "?epochs=0",
    "?epochs=21",
    "?epochs=1.5",
    "?batch=1",
    "?rate=0",
    "?rate=x",
    "?rate=",
    "?updates=1",
    "?host=me",
  ])("%s is ignored", (query) => expect(fromQuery(query)).toEqual(defaults));
});

describe("curves", () => {
  const started = { step: 0, steps: 40, stepsPerEpoch: 20, layers: [] };
  const nothing = { rate: 0.1, stepsPerSecond: null, validations: [], statistics: [] };
  const add = (curves: Curves, from: number, loss: number[], more = {}): void =>
    addBatch(curves, { from, loss: Float32Array.from(loss), accuracy: Float32Array.from(loss), ...nothing, ...more });

  test("the mean is that of the last 20 steps that arrived, whatever the batches", () => {
    const values = Array.from({ length: 40 }, (_, i) => (i * 7) % 11);
    const curves = startCurves(started, null);
    add(curves, 1, values.slice(0, 3));
    add(curves, 4, values.slice(3, 30));
    // Step 31 was lost on its way.
    add(curves, 32, values.slice(31));
    const mean = (of: readonly number[]): number => of.reduce((sum, value) => sum + value, 0) / of.length;
    expect(curves.done).toBe(40);
    expect(curves.means.loss[0]).toBe(values[0]);
    expect(curves.means.loss[24]).toBeCloseTo(mean(values.slice(5, 25)), 5);
    expect(curves.means.loss[39]).toBeCloseTo(mean([...values.slice(20, 30), ...values.slice(31)]), 5);
    expect(Number.isNaN(curves.loss[30])).toBe(true);
  });

  test("a run that goes on elsewhere keeps what it has; another run begins anew", () => {
    const curves = startCurves(started, null);
    add(curves, 1, [3, 2]);
    const on = startCurves({ ...started, step: 2 }, curves);
    add(on, 3, [1]);
    expect([...on.loss.subarray(0, 3)]).toEqual([3, 2, 1]);
    expect(startCurves(started, on).done).toBe(0);
    expect(startCurves({ ...started, step: 2, steps: 50 }, on).done).toBe(0);
  });

  test("held-out accuracies belong to their step; the CSV has all", () => {
    const curves = startCurves(started, null);
    add(curves, 1, [0.5, 0.25], { validations: [{ step: 2, accuracy: 0.75, loss: 1.5 }] });
    expect(heldOutAt(curves, 1)).toBeUndefined();
    expect(heldOutAt(curves, 40)).toEqual({ step: 2, accuracy: 0.75, loss: 1.5 });
    expect(csvOf(curves)).toBe(
      "step,loss,training_accuracy,held_out_loss,held_out_accuracy\n1,0.5,0.5,,\n2,0.25,0.25,1.5,0.75\n",
    );
  });
});

describe("a drawing as a picture", () => {
  const side = 280;
  const draw = (left: number, top: number, right: number, bottom: number): Uint8Array => {
    const ink = new Uint8Array(side * side);
    for (let y = top; y < bottom; y++) ink.fill(255, y * side + left, y * side + right);
    return ink;
  };
  const rowsOf = (picture: Uint8Array): number[] =>
    Array.from({ length: 28 }, (_, y) => picture.subarray(y * 28, y * 28 + 28).reduce((sum, value) => sum + value, 0));

  test("fills 20 of 28 pixels, wherever and however large it was drawn", () => {
    const small = pictureOf(draw(0, 0, 40, 40), side);
    expect(pictureOf(draw(100, 60, 220, 180), side)).toEqual(small);
    expect(rowsOf(small)).toEqual(Array.from({ length: 28 }, (_, y) => (y >= 4 && y < 24 ? 20 * 255 : 0)));
  });

  test("keeps its proportions", () => {
    const picture = pictureOf(draw(10, 10, 50, 210), side);
    const [first] = picture
      .subarray(28 * 14)
      .entries()
      .filter(([, value]) => value > 0)
      .next().value!;
    expect(first).toBe(12);
    expect(rowsOf(picture)[14]).toBe(4 * 255);
  });

  test("is centred by its mass, not by its box", () => {
    // A thick foot under a thin stem: what is heavy goes to the middle.
    const ink = draw(90, 20, 110, 220);
    draw(40, 180, 160, 220).forEach((value, i) => (ink[i] = Math.max(ink[i], value)));
    const rows = rowsOf(pictureOf(ink, side));
    const mass = rows.reduce((sum, value) => sum + value, 0);
    const middle = rows.reduce((sum, value, y) => sum + value * (y + 0.5), 0) / mass;
    expect(middle).toBeCloseTo(14, 1);
    expect(rows.findIndex((value) => value > 0)).toBeLessThan(4);
  });

  test("nothing is cut off for the sake of the middle", () => {
    const ink = draw(0, 0, 4, 280);
    draw(0, 0, 280, 30).forEach((value, i) => (ink[i] = Math.max(ink[i], value)));
    const total = (values: Uint8Array): number => values.reduce((sum, value) => sum + value, 0);
    expect(total(pictureOf(ink, side))).toBeGreaterThan(total(ink) * (20 / 280) ** 2 * 0.999);
  });

  test("an empty field is an empty picture", () =>
    expect(pictureOf(new Uint8Array(side * side), side).some(Boolean)).toBe(false));
});
