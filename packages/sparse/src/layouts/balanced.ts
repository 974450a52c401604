import { balancedMask } from "../patterns/balanced-mask.ts";
import type { LayoutRule } from "./layout-rule.ts";

/** Random blocks, whatever the criterion says: rows differ by at most one, and so do columns. */
export const balanced = (): LayoutRule => ({
  name: "balanced",
  mask: ({ rows, cols, blocks, seed }) => balancedMask(rows, cols, blocks, seed),
});
