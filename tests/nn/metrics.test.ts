import { metrics } from "@tessera/nn";
import { ArgumentError } from "@tessera/tensor";
import { describe, expect, it } from "vitest";

const { accuracy, confusionMatrix, matthewsCorrelation, perplexity, precisionRecallF1 } = metrics;
// The examples of scikit-learn's documentation, with their results.
const labels = [0, 1, 2, 0, 1, 2];
const predictions = [0, 2, 1, 0, 0, 1];

describe("metrics", () => {
  it("count what was taken for what", () => {
    expect(accuracy(predictions, labels)).toBeCloseTo(1 / 3, 15);
    expect(confusionMatrix([0, 0, 2, 2, 0, 2], [2, 0, 2, 2, 0, 1])).toEqual([
      [2, 0, 0],
      [0, 0, 1],
      [1, 0, 2],
    ]);
    expect(confusionMatrix(Int32Array.of(1), Int32Array.of(0), 3)).toEqual([
      [0, 1, 0],
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });

  it("are scikit-learn's means of precision, recall and F1", () => {
    const macro = precisionRecallF1(predictions, labels);
    expect(macro.precision).toBeCloseTo(2 / 9, 12);
    expect(macro.recall).toBeCloseTo(1 / 3, 12);
    expect(macro.f1).toBeCloseTo(0.26666666666666666, 12);
    const micro = precisionRecallF1(predictions, labels, { average: "micro" });
    for (const value of Object.values(micro)) expect(value).toBeCloseTo(1 / 3, 12);
    expect(precisionRecallF1(predictions, labels, { average: "weighted" }).f1).toBeCloseTo(0.26666666666666666, 12);
    // Classes of unequal counts: 3/4 of weight 3, 2/3 of weight 2, and a class that only the predictions have.
    const uneven = [
      [0, 0, 1, 1, 2],
      [0, 0, 0, 1, 1],
    ] as const;
    expect(precisionRecallF1(...uneven, { average: "weighted" }).f1).toBeCloseTo((3 * 0.8 + 2 * 0.5) / 5, 12);
    expect(precisionRecallF1(...uneven).f1).toBeCloseTo((0.8 + 0.5 + 0) / 3, 12);
    // A class that neither has does not count.
    expect(precisionRecallF1([0, 3], [0, 3]).f1).toBe(1);
  });

  it("correlate", () => {
    expect(matthewsCorrelation([1, 0, 1, 1], [1, 1, 1, 0])).toBeCloseTo(-1 / 3, 12);
    expect(matthewsCorrelation([0, 1, 2], [0, 1, 2])).toBeCloseTo(1, 12);
    expect(matthewsCorrelation([1, 1, 1], [1, 1, 1])).toBe(0);
    // Two classes: (tp tn − fp fn) / √((tp + fp)(tp + fn)(tn + fp)(tn + fn)) with 3, 2, 1, 2.
    const two = [
      [1, 1, 1, 0, 0, 1, 0, 0],
      [1, 1, 1, 0, 0, 0, 1, 1],
    ] as const;
    expect(matthewsCorrelation(...two)).toBeCloseTo((3 * 2 - 1 * 2) / Math.sqrt(4 * 5 * 3 * 4), 12);
  });

  it("make a perplexity of a loss", () => {
    expect(perplexity(Math.log(50))).toBeCloseTo(50, 10);
    expect(() => perplexity(NaN)).toThrow(ArgumentError);
    expect(() => perplexity(-1)).toThrow("perplexity: expected a mean loss of 0 or more, got -1");
  });

  it("refuse what is no class number, and lists of other lengths", () => {
    expect(() => accuracy([0], [0, 1])).toThrow("accuracy: expected as many predictions as labels, got 1 and 2");
    expect(() => accuracy([], [])).toThrow("accuracy: expected at least one label, got none");
    expect(() => accuracy([0.5], [0])).toThrow("accuracy: expected class numbers from 0 up, got 0.5 at 0");
    expect(() => confusionMatrix([3], [0], 2)).toThrow("confusionMatrix: expected class numbers below 2, got 3");
    expect(() => precisionRecallF1([-1], [0])).toThrow(ArgumentError);
  });
});
