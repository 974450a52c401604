import { selectBlocks } from "../patterns/select-blocks.ts";
import type { LayoutRule } from "./layout-rule.ts";

/** The best blocks by the criterion: those of each empty row and column first. The default. */
export const best = (): LayoutRule => ({
  name: "best",
  mask: ({ rows, cols, blocks, balanced, scores }) => selectBlocks(scores(), { rows, cols, blocks, balanced }),
});
