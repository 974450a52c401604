import { describe, expect, it } from "vitest";
import { activationWeighted } from "./activation-weighted.ts";
import type { JudgedLayer } from "./block-criterion.ts";
import { criteria, criterionOf, type CriterionDefinition } from "./criteria.ts";
import { fisher, movement, taylor } from "./gradient-criteria.ts";
import { magnitude, magnitudeL1 } from "./magnitude.ts";
import { random } from "./random.ts";
import { statisticNames, type LayerStatistics, type Statistics } from "./statistics.ts";

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

  it("magnitudeL1 is the sum of absolute weights of each block", () => {
    expect([...magnitudeL1().scores(layer)]).toEqual(blocks((o, i) => Math.abs(o - i)));
  });

  it("random follows from the seed, and is no constant", () => {
    const large = { ...layer, outFeatures: 64, inFeatures: 64, weight: new Float32Array(64 * 64) };
    const draw = (seed: number): number[] => [...random().scores({ ...large, seed })];
    expect(draw(1)).toEqual(draw(1));
    expect(draw(2)).not.toEqual(draw(1));
    expect(new Set(draw(1)).size).toBe(256);
  });

  const statistics = (sums: LayerStatistics["sums"], blockSize = 4): Statistics => ({
    batches: 8,
    layers: new Map([["fc", { shape: [outFeatures, inFeatures], blockSize, sums }]]),
  });

  it("movement, taylor and fisher are means of what was collected, movement with its sign turned", () => {
    const sums = Float64Array.of(8, -16, 0, 4);
    expect([...movement(statistics({ gradientTimesWeight: sums })).scores(layer)]).toEqual([-8, 16, 0, -4]);
    expect([...taylor(statistics({ absGradientTimesWeight: sums.map(Math.abs) })).scores(layer)]).toEqual([
      1, 2, 0, 0.5,
    ]);
    expect([...fisher(statistics({ squaredGradientTimesWeight: sums.map(Math.abs) })).scores(layer)]).toEqual([
      0.5, 1, 0, 0.25,
    ]);
  });

  it("activationWeighted is Σ |W|·‖x‖ of each block", () => {
    const inputSquares = Float64Array.of(1, 2, 4, 8, 16, 32).map((norm) => norm ** 2);
    // Norms of inputs are for blocks of any size.
    const got = activationWeighted(statistics({ inputSquares }, 32)).scores(layer);
    expect([...got]).toEqual(blocks((o, i) => Math.abs(o - i) * 2 ** i));
  });

  it.each(Object.entries<CriterionDefinition>(criteria))(
    "%s is found by its name, needs what it says, and scores every block",
    (name, { needs, draws, create }) => {
      const length = (statistic: string): number => (statistic === "inputSquares" ? inFeatures : 4);
      const sums = (names: readonly string[]) =>
        Object.fromEntries(names.map((each) => [each, new Float64Array(length(each)).fill(1)]));
      const given = statistics(sums(needs));
      expect(create(given).name).toBe(name);
      expect(criterionOf("op", name as keyof typeof criteria, given).scores(layer).length).toBe(4);
      const scores = (seed: number): string =>
        create(given)
          .scores({ ...layer, outFeatures: 64, inFeatures: 6, weight: new Float64Array(64 * 6), seed })
          .join();
      if (needs.length === 0) expect(scores(1) !== scores(2)).toBe(draws);
      else
        expect(() =>
          create(statistics(sums(statisticNames.filter((each) => !needs.includes(each))))).scores(layer),
        ).toThrow(`${name}: expected ${needs[0]} of "fc", got`);
    },
  );

  it("name those that exist when asked for another", () => {
    // @ts-expect-error -- no such criterion
    expect(() => criterionOf("addPattern", "toString")).toThrow(
      'addPattern: expected the criterion "magnitude" or "magnitudeL1" or "random" or "taylor" or "movement" or "activationWeighted" or "fisher", got "toString"; pass any other as a value',
    );
    expect(() => criterionOf("addPattern", "taylor")).toThrow(
      'addPattern: expected statistics beside the criterion "taylor", got none; gather them with await collect(model, batches, "taylor")',
    );
  });

  it("say what was not collected, and for which blocks", () => {
    expect(() => movement({ batches: 1, layers: new Map() }).scores(layer)).toThrow(
      'movement: expected statistics of "fc", there are those of no layer; collect them for it',
    );
    const other = statistics({ absGradientTimesWeight: new Float64Array(1) }, 8);
    expect(() => taylor(other).scores(layer)).toThrow(
      'taylor: expected statistics of "fc" as 5 × 6 in blocks of 4, got 5 × 6 in blocks of 8; collect them with this blockSize',
    );
    expect(() => fisher(statistics({})).scores(layer)).toThrow(
      'fisher: expected squaredGradientTimesWeight of "fc", got no sums; collect(model, batches, ["fisher"]) gathers it',
    );
  });
});
