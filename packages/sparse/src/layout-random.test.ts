import { describe, expect, it } from "vitest";
import { LayoutRandom } from "./layout-random.ts";

describe("LayoutRandom", () => {
  it("draws what it always drew: layouts follow from seeds, in runs of years ago too", () => {
    const random = new LayoutRandom(1);
    expect([1, 2, 3].map(() => random.uniform() * 2 ** 32)).toEqual([3811535168, 1560173363, 2351784230]);
    expect(new LayoutRandom(5).permutation(8)).toEqual([3, 1, 0, 6, 2, 7, 5, 4]);
  });

  it("takes the high half of a large seed too", () => {
    expect(new LayoutRandom(2 ** 40 + 5).permutation(8)).toEqual([1, 3, 5, 2, 4, 0, 7, 6]);
  });

  it("draws whole numbers below a bound, all of them", () => {
    const random = new LayoutRandom(7);
    const drawn = Array.from({ length: 1000 }, () => random.below(10));
    expect(drawn.slice(0, 3)).toEqual([0, 8, 6]);
    expect([...new Set(drawn)].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});
