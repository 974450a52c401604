import { tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { activationWeighted } from "./activation-weighted.ts";
import type { JudgedLayer } from "./block-criterion.ts";
import { criteria } from "./criteria.ts";
import { criterionOf } from "./criterion-of.ts";
import { magnitude } from "./magnitude.ts";
import { movement, saliency } from "./movement.ts";
import { random } from "./random.ts";

// 5 × 6 in blocks of 4: two rows and two columns of blocks, ragged at both edges. Element [o, i] is o − i.
const [outFeatures, inFeatures] = [5, 6];
const element = (at: number): number => Math.floor(at / inFeatures) - (at % inFeatures);
const weight = Float32Array.from({ length: outFeatures * inFeatures }, (_, at) => element(at));
const layer: JudgedLayer = { name: "fc", weight, outFeatures, inFeatures, blockSize: 4, seed: 1 };

/** Σ over each block, written out another way. */
const blocks = (term: (o: number, i: number) => number): number[] =>
  [
    [0, 4, 0, 4],
    [0, 4, 4, 6],
    [4, 5, 0, 4],
    [4, 5, 4, 6],
  ].map(([top, bottom, left, right]) => {
    let sum = 0;
    for (let o = top!; o < bottom!; o++) for (let i = left!; i < right!; i++) sum += term(o, i);
    return sum;
  });

describe("criteria", () => {
  it("magnitude is the Euclidean norm of each block", () => {
    const want = blocks((o, i) => (o - i) ** 2).map(Math.sqrt);
    expect([...magnitude().scores(layer)]).toEqual(want.map((value) => expect.closeTo(value, 9) as number));
  });

  it("random follows from the seed, and is no constant", () => {
    const large = { ...layer, outFeatures: 64, inFeatures: 64, weight: new Float32Array(64 * 64) };
    const draw = (seed: number): number[] => [...random().scores({ ...large, seed })];
    expect(draw(1)).toEqual(draw(1));
    expect(draw(2)).not.toEqual(draw(1));
    expect(new Set(draw(1)).size).toBe(256);
  });

  // W ⊙ dL/dW summed over some steps, signed.
  const moved = Float32Array.from({ length: 30 }, (_, at) => (at % 7) - 3);
  const sums = new Map([["fc.weight", tensor(moved, [5, 6])]]);

  it("movement is −Σ W ⊙ dL/dW of each block, signed", () => {
    const want = blocks((o, i) => -moved[o * 6 + i]!);
    expect([...movement(sums).scores(layer)]).toEqual(want);
    expect(Math.min(...want)).toBeLessThan(0);
  });

  it("saliency is |Σ W ⊙ dL/dW| of each block", () => {
    expect([...saliency(sums).scores(layer)]).toEqual(blocks((o, i) => moved[o * 6 + i]!).map(Math.abs));
  });

  it("activationWeighted is Σ |W|·‖x‖ of each block", () => {
    const norms = new Map([["fc", Float32Array.of(1, 2, 4, 8, 16, 32)]]);
    expect([...activationWeighted(norms).scores(layer)]).toEqual(blocks((o, i) => Math.abs(o - i) * 2 ** i));
  });

  it.each(Object.entries(criteria))("%s is found by its name, and scores every block", (name, create) => {
    expect(create().name).toBe(name);
    expect(criterionOf(name as keyof typeof criteria).scores(layer).length).toBe(4);
  });

  it("name those that exist when asked for another", () => {
    // @ts-expect-error -- no such criterion
    expect(() => criterionOf("toString")).toThrow(
      'addPattern: expected the criterion "magnitude" or "random", got "toString"; pass any other as a value',
    );
  });

  it("say what was not measured", () => {
    expect(() => movement(new Map()).scores(layer)).toThrow(
      'movement: expected an entry "fc.weight", there is none at all',
    );
    expect(() => saliency(new Map([["other.weight", moved]])).scores(layer)).toThrow(
      'saliency: expected an entry "fc.weight", there is other.weight',
    );
    expect(() => activationWeighted(new Map([["fc", new Float32Array(5)]])).scores(layer)).toThrow(
      'activationWeighted: expected [6] = 6 numbers for "fc", got 5',
    );
  });
});
