import { describe, expect, it } from "vitest";
import { checkScores, ranked } from "./ranked.ts";

describe("ranked", () => {
  it("gives positions by falling score, equal ones in their order, infinities at the ends", () => {
    expect(ranked([1, 3, -Infinity, 3, Infinity, 2, 3])).toEqual([4, 1, 3, 6, 5, 0, 2]);
    expect(ranked([])).toEqual([]);
  });

  it("has scores checked before, by text", () => {
    expect(() => checkScores("op", [1, 2, 3], 2, 2)).toThrow(
      "op: expected 2 × 2 scores, got 3; give one for each block",
    );
    expect(() => checkScores("op", [1, 2, 3, NaN], 2, 2)).toThrow(
      "op: the score of block [1, 1] is NaN; are the weights finite?",
    );
    checkScores("op", [1, -Infinity, 3, Infinity], 2, 2);
  });
});
