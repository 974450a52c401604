import type { Parameter } from "@tessera/tensor";
import { inspectCustom } from "@tessera/tensor/extend";
import { showDensity, type BlockLayout } from "./block-layout.ts";
import type { PatchRecipe } from "./block-sparse-linear.ts";
import { elementsInside } from "./padding.ts";

/** What will become of one layer. */
export interface PlannedLayer {
  /** Its path in the model. */
  readonly name: string;
  /** `[out, in]` */
  readonly shape: readonly [number, number];
  /** What was asked for. */
  readonly recipe: PatchRecipe;
  /** What comes of it: the blocks that stay, with their realised density. */
  readonly layout: BlockLayout;
  /** Weight and bias; what sticks out of the matrix does not count. */
  readonly parameters: Change;
  /** Of weight, bias and index, in memory; what sticks out of the matrix counts. Gradients and optimiser state come on top, in proportion. */
  readonly bytes: Change;
}

/** A layer that a pattern matches and that stays dense, because as planned it would be slower. */
export interface KeptLayer extends PlannedLayer {
  /** Where the weight is, and where it would be slower. */
  readonly device: string;
  /** Stored elements for each of the dense weight's. */
  readonly stored: number;
  /** The most of them that was measured to be no slower than dense. */
  readonly breakEven: number;
}

export interface Change {
  readonly before: number;
  readonly after: number;
}

const count = (n: number): string => n.toLocaleString("en-US");

/** The numbers of a layer before and after. */
export const plannedLayer = (
  name: string,
  shape: readonly [number, number],
  bias: Parameter | null,
  recipe: PatchRecipe,
  layout: BlockLayout,
): PlannedLayer => {
  const dense = shape[0] * shape[1];
  const biases = bias ? shape[0] : 0;
  const stored = layout.blocks * layout.blockSize ** 2;
  const index = 3 * layout.blocks + layout.rows + 1 + layout.cols + 1;
  return {
    name,
    shape,
    recipe,
    layout,
    parameters: { before: dense + biases, after: elementsInside(layout, shape) + biases },
    bytes: { before: 4 * (dense + biases), after: 4 * (stored + biases + index) },
  };
};

/**
 * What `patchModel` will do: typed, printable, and nothing done yet.
 *
 * @example
 * const plan = patcher.plan(model);
 * console.log(String(plan)); // a table
 * plan.parameters; // { before: 83504416, after: 67579168 } of the whole model
 */
export class PatchPlan {
  readonly layers: readonly PlannedLayer[];
  /** Layers that stay dense, because their patterns said `whenSlower: "keep-dense"`. */
  readonly kept: readonly KeptLayer[];
  /** Of the whole model. */
  readonly parameters: Change;
  /** Of the layers in the plan. */
  readonly bytes: Change;

  constructor(layers: readonly PlannedLayer[], parametersOfModel: number, kept: readonly KeptLayer[] = []) {
    this.layers = layers;
    this.kept = kept;
    const saved = layers.reduce((sum, { parameters }) => sum + parameters.before - parameters.after, 0);
    this.parameters = { before: parametersOfModel, after: parametersOfModel - saved };
    this.bytes = {
      before: layers.reduce((sum, { bytes }) => sum + bytes.before, 0),
      after: layers.reduce((sum, { bytes }) => sum + bytes.after, 0),
    };
  }

  toString(): string {
    const rows = this.layers.map(({ name, shape, recipe, layout, parameters, bytes }) => [
      name,
      `${shape[0]} × ${shape[1]}`,
      `${layout.blockSize}`,
      `${recipe.layout ? `${recipe.layout}, ` : ""}${recipe.criterion}${recipe.balanced ? ", balanced" : ""}`,
      showDensity(recipe.density),
      showDensity(layout.density),
      `${count(parameters.before)} → ${count(parameters.after)}`,
      `${count(bytes.before)} → ${count(bytes.after)}`,
    ]);
    const table = [["layer", "out × in", "block", "criterion", "asked", "density", "parameters", "bytes"], ...rows];
    const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
    const lines = table.map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join("  ")
        .trimEnd(),
    );
    const { before, after } = this.parameters;
    return [
      lines[0]!,
      widths.map((width) => "─".repeat(width)).join("  "),
      ...lines.slice(1),
      ...this.kept.map(
        ({ name, layout, device, stored, breakEven }) =>
          `stays dense: ${name}, which would store ${showDensity(stored)} of its weight in blocks of ${layout.blockSize}; on ${device} that is slower above ${showDensity(breakEven)}`,
      ),
      `${count(this.layers.length)} layers; parameters of the model: ${count(before)} → ${count(after)} (${((100 * after) / Math.max(before, 1)).toFixed(1)} %)`,
    ].join("\n");
  }

  [inspectCustom](): string {
    return this.toString();
  }
}
