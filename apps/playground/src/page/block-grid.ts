import type { LayerBlocks } from "../engine/protocol.ts";
import { colourAt, rampOf, type Shade } from "./colours.ts";

/** A layer on its side where it is taller than wide: the longer side of the grid runs across. */
export interface Grid {
  readonly across: number;
  readonly down: number;
  /** Place in the lists of a layer of the tile at column x, row y. */
  readonly at: (x: number, y: number) => number;
}

export const gridOf = ({ rows, cols }: Pick<LayerBlocks, "rows" | "cols">): Grid =>
  rows > cols
    ? { across: rows, down: cols, at: (x, y) => x * cols + y }
    : { across: cols, down: rows, at: (x, y) => y * cols + x };

/** The share of each stored block between the weakest and the strongest of its layer. Outliers at both ends do not count. */
export const sharesOf = (layer: LayerBlocks, shade: Shade, step: number): Float32Array => {
  const { mask, norms, gradients, born } = layer;
  const shares = new Float32Array(mask.length);
  if (shade === "age") {
    const firsts = born.some((at) => at >= 0) ? Math.min(...born.filter((at) => at >= 0)) : step;
    const span = Math.max(1, step - firsts);
    for (let at = 0; at < mask.length; at++) shares[at] = born[at]! < 0 ? 1 : (0.8 * (step - born[at]!)) / span;
    return shares;
  }
  const values = shade === "norm" ? norms : gradients;
  const sorted = values.filter((_, at) => mask[at] === 1).sort();
  if (sorted.length === 0) return shares;
  const low = sorted[Math.floor(0.02 * (sorted.length - 1))]!;
  const high = sorted[Math.ceil(0.98 * (sorted.length - 1))]!;
  for (let at = 0; at < mask.length; at++) shares[at] = (values[at]! - low) / Math.max(high - low, 1e-12);
  return shares;
};

/** A block on its way: in since `start`, or out. */
export interface Passage {
  readonly born: boolean;
  readonly start: number;
}

/** How long a block takes to fade out or to grow in, in milliseconds. */
export const PASSAGE_MS = 1600;

/** How much of it has passed, from 0 to 1, slower towards its end. */
const eased = (passage: Passage, now: number): number => {
  const share = Math.min(1, (now - passage.start) / PASSAGE_MS);
  return 1 - (1 - share) ** 3;
};

export interface DrawOptions {
  readonly shade: Shade;
  readonly dark: boolean;
  readonly step: number;
  readonly now: number;
  readonly passages: ReadonlyMap<number, Passage>;
  /** The block under the cursor. */
  readonly cursor: number | null;
}

const DYING = { light: "#c2304a", dark: "#ff6b81" };
const GROWING = { light: "#1f9d55", dark: "#5ee08e" };

/** Draws a layer: a tile for each stored block, nothing where none is. Dying blocks shrink away red, new ones grow out of green. */
export const drawBlocks = (canvas: HTMLCanvasElement, layer: LayerBlocks, options: DrawOptions): void => {
  const context = canvas.getContext("2d");
  if (!context) return;
  const { shade, dark, step, now, passages, cursor } = options;
  const { across, down, at } = gridOf(layer);
  const cell = canvas.width / across;
  const gap = cell >= 4 ? Math.max(1, Math.round(cell * 0.12)) : 0;
  const ramp = rampOf(shade, dark);
  const shares = sharesOf(layer, shade, step);
  const theme = dark ? "dark" : "light";
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (let y = 0; y < down; y++) {
    const top = Math.round(y * cell);
    const height = Math.round((y + 1) * cell) - top - gap;
    for (let x = 0; x < across; x++) {
      const place = at(x, y);
      const passage = passages.get(place);
      if (layer.mask[place] === 0 && !passage) continue;
      const left = Math.round(x * cell);
      const width = Math.round((x + 1) * cell) - left - gap;
      const passed = passage ? eased(passage, now) : 1;
      context.fillStyle = colourAt(ramp, shares[place]!);
      context.globalAlpha = 1;
      if (!passage) context.fillRect(left, top, width, height);
      else {
        const size = passage.born ? passed : 1 - passed;
        const inset = ((1 - size) * Math.min(width, height)) / 2;
        if (layer.mask[place]) context.fillRect(left + inset, top + inset, width - 2 * inset, height - 2 * inset);
        context.globalAlpha = 1 - passed;
        context.fillStyle = passage.born ? GROWING[theme] : DYING[theme];
        context.fillRect(left + inset, top + inset, width - 2 * inset, height - 2 * inset);
      }
    }
  }
  context.globalAlpha = 1;
  if (cursor === null) return;
  for (let y = 0; y < down; y++)
    for (let x = 0; x < across; x++)
      if (at(x, y) === cursor) {
        context.strokeStyle = dark ? "#fff" : "#000";
        context.lineWidth = Math.max(2, cell * 0.15);
        context.strokeRect(x * cell, y * cell, cell - gap, cell - gap);
      }
};
