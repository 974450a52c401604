import type { Optimizer } from "@tessera/nn";
import { ArgumentError, cat, indexSelect, scope, Tensor } from "@tessera/tensor";
import { checkSeed } from "@tessera/tensor/extend";
import { BlockLayout } from "./block-layout.ts";
import type { BlockSparseLinear } from "./block-sparse-linear.ts";
import { initialValues } from "./initial-values.ts";
import { LayoutRandom } from "./layout-random.ts";
import { checkScores, ranked } from "./patterns/ranked.ts";

/** How blocks of a layer move. */
export interface RegrowOptions {
  /** The share of the stored blocks that move, from 0 to 1; fewer where fewer places are free. */
  readonly fraction: number;
  /**
   * Where they go: to random free places (SET), or to those with the highest score (RigL: the norm of the dense gradient in each
   * block). Scores are rows × columns of blocks in row-major order.
   */
  readonly grow?: "random" | ArrayLike<number> | undefined;
  /** What they start with: zeros, so that the layer computes what the blocks that stayed compute; or as in a new layer. */
  readonly init?: "zeros" | "uniform" | undefined;
  /** Rows of blocks grow as many as they lose. */
  readonly balanced?: boolean | undefined;
  readonly seed?: number | undefined;
}

/** Places of blocks, `[row, col]`. */
export interface Regrown {
  readonly dropped: readonly (readonly [number, number])[];
  readonly grown: readonly (readonly [number, number])[];
}

/**
 * Moves the weakest blocks of a layer elsewhere: those of the smallest norm go, unless they are the last of their row or column, and
 * as many come back in other places. The parameter and the number of blocks stay the same. Optimisers that are given keep
 * the state of the blocks that stay, and start afresh for the others. Wait for it before the next step: it reads the values first.
 *
 * {@link https://arxiv.org/abs/1707.04780 Mocanu et al. 2018} (SET), {@link https://arxiv.org/abs/1911.11134 Evci et al. 2020} (RigL)
 *
 * @throws ArgumentError when an option is outside its domain, or an optimiser does not have the layer's values. Nothing is changed.
 * @example
 * await regrow(layer, { fraction: 0.1, seed: step }, optimizer);
 */
export const regrow = async (
  layer: BlockSparseLinear,
  options: RegrowOptions,
  ...optimizers: readonly Optimizer[]
): Promise<Regrown> => {
  const { fraction, grow = "random", init = "zeros", balanced = false, seed = 0 } = options;
  const { layout, values } = layer;
  const { rows, cols, blockSize } = layout;
  if (!(fraction >= 0 && fraction <= 1))
    throw new ArgumentError(`regrow: a fraction lies from 0 to 1, got ${fraction}`);
  checkSeed("regrow", seed);
  if (grow !== "random") checkScores("regrow", grow, rows, cols);
  for (const optimizer of optimizers)
    if (!optimizer.groups.some(({ params }) => [...params.values()].includes(values)))
      throw new ArgumentError(
        "regrow: expected optimisers of the layer's values, got one that does not have them; hand it over first?",
      );

  const mask = layout.mask();
  const free = [...mask].flatMap((one, at) => (one ? [] : [at]));
  const wanted = Math.min(Math.round(fraction * layout.blocks), free.length);
  const order = grow === "random" ? new LayoutRandom(seed).permutation(rows * cols) : ranked(grow);
  const candidates = order.filter((at) => !mask[at]);
  const { dropped, grown } = choose(layout, await values.data(), { wanted, candidates, balanced });
  for (const at of dropped) mask[at] = 0;
  for (const at of grown) mask[at] = 1;
  const next = BlockLayout.fromMask(mask, rows, cols, blockSize);

  if (dropped.length > 0) {
    layer.setLayout(next, ...optimizers);
    if (init === "uniform") fillNew(layer, grown);
  }
  const place = (at: number) => [Math.floor(at / cols), at % cols] as const;
  return { dropped: dropped.map(place), grown: grown.map(place) };
};

/** Gives the blocks at some places the values of a new layer. */
const fillNew = (layer: BlockSparseLinear, places: readonly number[]): void => {
  const { layout, values, shape } = layer;
  const { device } = values;
  const isNew = new Set(places);
  // Drawn for all blocks, behind the values; each takes its own.
  const which = new Int32Array(layout.blocks);
  layout.forEachBlock((row, col, block) => {
    which[block] = isNew.has(row * layout.cols + col) ? layout.blocks + block : block;
  });
  values.assign(
    scope(() =>
      indexSelect(
        cat([values, initialValues({ layout, shape, device })]),
        0,
        Tensor.fromHost(which, [which.length], "int32", device),
      ),
    ),
  );
};

/** The weakest blocks that may go, and the first candidates that may come: in pairs, so that counts agree. */
const choose = (
  layout: BlockLayout,
  numbers: ArrayLike<number>,
  { wanted, candidates, balanced }: { wanted: number; candidates: readonly number[]; balanced: boolean },
): { dropped: number[]; grown: number[] } => {
  const { cols, blockSize: b, crowIndices, ccolIndices } = layout;
  const inRow = Int32Array.from({ length: layout.rows }, (_, row) => crowIndices[row + 1]! - crowIndices[row]!);
  const inCol = Int32Array.from({ length: cols }, (_, col) => ccolIndices[col + 1]! - ccolIndices[col]!);
  const blocks: { at: number; norm: number }[] = [];
  layout.forEachBlock((row, col, block) => {
    let squares = 0;
    for (let i = block * b * b; i < (block + 1) * b * b; i++) squares += numbers[i]! ** 2;
    blocks.push({ at: row * cols + col, norm: squares });
  });
  blocks.sort((x, y) => x.norm - y.norm || x.at - y.at);
  const left = new Set(candidates);
  const dropped: number[] = [];
  const grown: number[] = [];
  for (const { at } of blocks) {
    if (dropped.length === wanted) break;
    const [row, col] = [Math.floor(at / cols), at % cols];
    if (inRow[row] === 1 || inCol[col] === 1) continue;
    const target = firstOf(left, (to) => !balanced || Math.floor(to / cols) === row);
    if (target === undefined) continue;
    left.delete(target);
    dropped.push(at);
    grown.push(target);
    inRow[row]!--;
    inCol[col]!--;
  }
  return { dropped, grown };
};

const firstOf = (places: ReadonlySet<number>, fits: (place: number) => boolean): number | undefined => {
  for (const place of places) if (fits(place)) return place;
  return undefined;
};
