import type { Module } from "@tessera/nn";
import { ArgumentError } from "@tessera/tensor";
import { showJson } from "@tessera/tensor/files";
import { criteria, type CriterionName } from "../criteria/criteria.ts";
import type { Statistics } from "../criteria/statistics.ts";
import { layouts, type LayoutName } from "../layouts/layouts.ts";
import { BlockSparseModelPatcher } from "../model-patcher.ts";
import { suggestName } from "../nearest-name.ts";
import type { PatchReport } from "../patch-report.ts";
import { planOnHost } from "../plan-on-host.ts";

/** Layers that become sparse alike, as plain JSON: an entry of a file of patterns. */
export interface LayerPlan {
  readonly layers: readonly string[];
  /** In (0, 1]. */
  readonly density: number;
  readonly blockSize: number;
  readonly criterion: CriterionName;
  readonly layout: LayoutName;
  readonly seed: number;
}

/** A file of patterns: which layers of a model become sparse, and how. */
export interface Patterns {
  readonly patterns: readonly LayerPlan[];
}

const OP = "patterns";

const check = (holds: boolean, place: string, expected: string, value: unknown): void => {
  if (!holds)
    throw new ArgumentError(
      `${OP}: expected ${place} to be ${expected}, got ${showJson(value)}; write the file anew with allocate`,
    );
};

const checkName = (place: string, value: unknown, names: readonly string[]): void => {
  if (typeof value !== "string" || !names.includes(value))
    throw new ArgumentError(
      `${OP}: expected ${place} to be a name, got ${showJson(value)}; ${suggestName(String(value), names)}`,
    );
};

/**
 * Checks patterns that come from a file.
 *
 * @throws ArgumentError that names what is wrong
 * @example
 * const patcher = patcherOf(checkPatterns(JSON.parse(text)));
 */
export const checkPatterns = (value: unknown): Patterns => {
  const { patterns } = (typeof value === "object" && value !== null ? value : {}) as { patterns?: unknown };
  check(Array.isArray(patterns) && patterns.length > 0, "patterns", "an array of at least one", patterns);
  for (const [i, entry] of (patterns as unknown[]).entries()) {
    const place = `patterns[${i}]`;
    check(typeof entry === "object" && entry !== null, place, "an object", entry);
    const { layers, density, blockSize, criterion, layout, seed } = entry as Record<keyof LayerPlan, unknown>;
    const isText = (one: unknown): boolean => typeof one === "string";
    check(
      Array.isArray(layers) && layers.length > 0 && layers.every(isText),
      `${place}.layers`,
      "names of layers",
      layers,
    );
    check(
      typeof density === "number" && density > 0 && density <= 1,
      `${place}.density`,
      "a number in (0, 1]",
      density,
    );
    check(Number.isSafeInteger(blockSize), `${place}.blockSize`, "a whole number", blockSize);
    checkName(`${place}.criterion`, criterion, Object.keys(criteria));
    checkName(`${place}.layout`, layout, Object.keys(layouts));
    check(Number.isSafeInteger(seed) && (seed as number) >= 0, `${place}.seed`, "a whole number from 0", seed);
  }
  return { patterns: patterns as readonly LayerPlan[] };
};

/**
 * A patcher for patterns.
 *
 * @param statistics for criteria that need them
 * @throws ArgumentError for a criterion that needs statistics and gets none
 * @example
 * const { patterns } = allocate(rows, { parameters: 60e6 });
 * patcherOf({ patterns }).patchModel(model);
 */
export const patcherOf = ({ patterns }: Patterns, statistics?: Statistics): BlockSparseModelPatcher => {
  const patcher = new BlockSparseModelPatcher();
  for (const { layers, ...options } of patterns)
    for (const layer of layers) patcher.addPattern(layer, { ...options, statistics });
  return patcher;
};

/**
 * Patches a model by patterns, on any device.
 *
 * @throws PatchError when a layer is not there, or cannot be patched; nothing is changed then
 * @example
 * await patchByPatterns(model, allocate(rows, { parameters: 60e6 }));
 */
export const patchByPatterns = async (
  model: Module,
  patterns: Patterns,
  statistics?: Statistics,
): Promise<PatchReport> => {
  const patcher = patcherOf(patterns, statistics);
  return patcher.patchModel(model, await planOnHost(model, patcher));
};
