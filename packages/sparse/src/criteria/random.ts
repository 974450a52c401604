import { blockGrid } from "../block-layout.ts";
import { LayoutRandom } from "../layout-random.ts";
import type { BlockCriterion } from "./block-criterion.ts";

/** Any block is as good as another: what the other criteria are compared with. Layers draw differently, runs alike. */
export const random = (): BlockCriterion => ({
  name: "random",
  scores: ({ outFeatures, inFeatures, blockSize, seed }) => {
    const { rows, cols } = blockGrid("random", [outFeatures, inFeatures], blockSize);
    return Float64Array.from(new LayoutRandom(seed).permutation(rows * cols));
  },
});
