import { Linear, type Module } from "@tessera/nn";
import { ArgumentError } from "@tessera/tensor";
import { BlockSparseLinear } from "./block-sparse-linear.ts";
import { matchesLayer, showPattern, type LayerPattern } from "./layer-pattern.ts";

/** Parameters with several paths, by each of them. */
export const tiedWeights = (model: Module): ReadonlyMap<string, readonly string[]> =>
  new Map(
    [...model.aliases()].flatMap(([first, others]) => {
      const paths = [first, ...others];
      return paths.map((path) => [path, paths.filter((other) => other !== path)] as const);
    }),
  );

/** One pattern, or several; none means all layers. */
export type LayerChoice = LayerPattern | readonly LayerPattern[] | undefined;

const patternsOf = (choice: LayerChoice): readonly LayerPattern[] | null =>
  choice === undefined ? null : Array.isArray(choice) ? (choice as readonly LayerPattern[]) : [choice as LayerPattern];

/** Those of some layers that patterns choose. @throws ArgumentError when a pattern matches none. */
const chosen = <L>(op: string, layers: ReadonlyMap<string, L>, choice: LayerChoice): Map<string, L> => {
  const patterns = patternsOf(choice);
  if (!patterns) return new Map(layers);
  for (const pattern of patterns)
    if (![...layers.keys()].some((name) => matchesLayer(pattern, name)))
      throw new ArgumentError(
        `${op}: expected patterns of layers, ${showPattern(pattern)} matches none; there are ${[...layers.keys()].join(", ") || "none"}`,
      );
  return new Map([...layers].filter(([name]) => patterns.some((pattern) => matchesLayer(pattern, name))));
};

/** The block-sparse layers of a model that patterns choose, by path. @throws ArgumentError when there is none. */
export const sparseLayersOf = (op: string, model: Module, choice?: LayerChoice): Map<string, BlockSparseLinear> => {
  const layers = new Map(
    [...model.namedModules()].filter(
      (entry): entry is [string, BlockSparseLinear] => entry[1] instanceof BlockSparseLinear,
    ),
  );
  if (layers.size === 0)
    throw new ArgumentError(
      `${op}: expected a model with block-sparse layers, got one without; patch it first, with density 1 to begin dense`,
    );
  return chosen(op, layers, choice);
};

/** The layers of a model that can be judged, dense ones with a weight of their own and block-sparse ones, by path. */
export const judgedLayersOf = (
  op: string,
  model: Module,
  choice?: LayerChoice,
): Map<string, Linear | BlockSparseLinear> => {
  const tied = tiedWeights(model);
  const isTied = (name: string): boolean => tied.has(name === "" ? "weight" : `${name}.weight`);
  const layers = new Map(
    [...model.namedModules()].filter(
      (entry): entry is [string, Linear | BlockSparseLinear] =>
        entry[1] instanceof BlockSparseLinear || (entry[1] instanceof Linear && !isTied(entry[0])),
    ),
  );
  const found = chosen(op, layers, choice);
  if (found.size === 0) throw new ArgumentError(`${op}: expected a model with linear layers, got one without`);
  return found;
};
