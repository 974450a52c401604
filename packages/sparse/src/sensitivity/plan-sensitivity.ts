import type { Module } from "@tessera/nn";
import { ArgumentError } from "@tessera/tensor";
import { fingerprint } from "../fingerprint.ts";
import { matchesLayer, showPattern, type LayerPattern } from "../layer-pattern.ts";
import { BlockSparseModelPatcher, type PatchableLayer } from "../model-patcher.ts";
import { suggestName } from "../nearest-name.ts";
import type { LayerChoice } from "../sparse-layers.ts";
import { hashOfWeights } from "./hash-of-weights.ts";
import type { SensitivityCell, SensitivityMode, SensitivityRow } from "./sensitivity-row.ts";
import { checkedOptions, layoutName, type SensitivityOptions } from "./sensitivity-options.ts";

/** What a sweep is going to measure. */
export interface SensitivityPlan {
  readonly cells: readonly SensitivityCell[];
  /** What all rows have in common. */
  readonly common: Pick<SensitivityRow, "model" | "checkpointHash" | "conditions">;
  /** What is not measured, and why. */
  readonly left: readonly { readonly group: string; readonly blockSize: number; readonly reason: string }[];
  /** What is measured once though several seeds were asked for, in words. */
  readonly notes: readonly string[];
}

const OP = "sensitivity";

const patternsOf = (choice: NonNullable<LayerChoice>): readonly LayerPattern[] =>
  Array.isArray(choice) ? (choice as readonly LayerPattern[]) : [choice as LayerPattern];

const choose = (layers: readonly PatchableLayer[], choice: LayerChoice): PatchableLayer[] => {
  if (choice === undefined) return [...layers];
  const names = layers.map(({ name }) => name);
  for (const pattern of patternsOf(choice))
    if (!names.some((name) => matchesLayer(pattern, name)))
      throw new ArgumentError(
        `${OP}: expected layers that can be patched, ${showPattern(pattern)} matches none; ${suggestName(typeof pattern === "string" ? pattern : pattern.source, names)}`,
      );
  return layers.filter(({ name }) => patternsOf(choice).some((pattern) => matchesLayer(pattern, name)));
};

/** A layer's path without the numbers in it: equal for the same layer of all blocks of a transformer. */
const kindOf = (name: string): string =>
  name
    .split(".")
    .map((part) => (/^\d+$/.test(part) ? "*" : part))
    .join(".");

const grouped = (
  layers: readonly PatchableLayer[],
  groups: NonNullable<SensitivityOptions<Module>["groups"]>,
): ReadonlyMap<string, readonly PatchableLayer[]> => {
  if (groups === "layer") return new Map(layers.map((layer) => [layer.name, [layer]]));
  if (groups === "kind") {
    const kinds = [...new Set(layers.map(({ name }) => kindOf(name)))];
    return new Map(kinds.map((kind) => [kind, layers.filter(({ name }) => kindOf(name) === kind)]));
  }
  if (typeof groups !== "object")
    throw new ArgumentError(`${OP}: expected groups "layer", "kind" or an object, got "${String(groups)}"`);
  const found = new Map(Object.entries(groups).map(([name, choice]) => [name, choose(layers, choice)]));
  const seen = new Set<string>();
  for (const [group, members] of found)
    for (const { name } of members) {
      if (seen.has(name))
        throw new ArgumentError(`${OP}: expected each layer in one group, ${name} is in ${group} and another one too`);
      seen.add(name);
    }
  return found;
};

/** The groups that are sparse in a mode, for the group in question. */
const sparseGroups: Readonly<Record<SensitivityMode, (groups: readonly string[], at: number) => readonly string[]>> = {
  "leave-one-out": (groups, at) => [groups[at]!],
  "one-in": (groups, at) => groups.filter((_, i) => i !== at),
  cumulative: (groups, at) => groups.slice(0, at + 1),
};

/** Everything of a cell but its name. */
type Unnamed = Omit<SensitivityCell, "cell">;

/**
 * Lists what `sensitivity` would measure, and measures nothing.
 *
 * @throws ArgumentError when an option is outside its domain, or a layer, criterion or mode is unknown.
 * @example
 * const { cells, left } = await planSensitivity(options);
 * console.log(`${cells.length} cells`);
 */
export const planSensitivity = async <M extends Module, Batch>(
  options: SensitivityOptions<M, Batch>,
): Promise<SensitivityPlan> => {
  const { densities, blockSizes, judges, seeds, modes, steps } = checkedOptions(options);
  const model = await options.model();
  let groups: ReadonlyMap<string, readonly PatchableLayer[]>;
  let checkpointHash: string;
  try {
    const layers = choose(new BlockSparseModelPatcher().patchableLayers(model), options.layers);
    groups = grouped(layers, options.groups ?? "layer");
    checkpointHash = options.checkpointHash ?? (await hashOfWeights(model));
  } finally {
    model.dispose();
  }
  const { name = "model", conditions: given = {} } = options;
  const conditions = { ...given, layout: layoutName(options.layout) };
  const common = { model: name, checkpointHash, conditions };
  const nameCell = (cell: Unnamed): SensitivityCell => {
    const { mode, group, density, blockSize, criterion, seed, recover } = cell;
    const rest = JSON.stringify([checkpointHash, Object.entries(conditions).sort(), cell.layers]);
    const words = [mode, group, density, `b${blockSize}`, criterion, `r${recover}`, `s${seed}`, fingerprint(rest)];
    return { cell: words.filter((word) => word !== "").join("/"), ...cell };
  };
  const dense = {
    mode: "dense",
    group: "",
    layers: [],
    shapes: [],
    density: 1,
    blockSize: 0,
    criterion: "none",
  } as const;
  // Without a draw and without training all seeds give the same.
  const seedsFor = (draws: boolean): readonly number[] => (draws || steps > 0 ? seeds : seeds.slice(0, 1));
  const cells: Unnamed[] = seedsFor(false).map((seed) => ({ ...dense, seed, recover: steps }));
  const left: SensitivityPlan["left"][number][] = [];
  for (const blockSize of blockSizes) {
    const fitting = [...groups].flatMap(([group, layers]) => {
      const small = layers.find(({ shape }) => Math.min(...shape) < blockSize);
      if (!small) return [group];
      const reason = `${small.name} is ${small.shape.join(" × ")}, smaller than a block of ${blockSize}`;
      left.push({ group, blockSize, reason });
      return [];
    });
    for (const mode of modes)
      for (const { name: criterion, draws } of judges)
        for (const [at, group] of fitting.entries()) {
          const sparse = sparseGroups[mode](fitting, at).flatMap((one) => groups.get(one)!);
          if (sparse.length === 0) {
            left.push({ group, blockSize, reason: `${mode} needs a second group` });
            continue;
          }
          const layers = sparse.map((layer) => layer.name);
          const shapes = sparse.map(({ shape }) => shape);
          for (const density of densities)
            for (const seed of seedsFor(draws))
              cells.push({ mode, group, layers, shapes, density, blockSize, criterion, seed, recover: steps });
        }
  }
  const once = judges.filter(({ draws }) => seedsFor(draws).length < seeds.length);
  const notes = once.map(
    ({ name: criterion }) =>
      `${criterion} does not draw, and nothing is trained: ${seeds.length} seeds give the same, one is measured`,
  );
  return { cells: cells.map(nameCell), common, left, notes };
};
