import { html, Markup } from "./markup.ts";

/** The stored blocks of a layer, by the names of a BSR matrix. */
export interface BlockMosaicData {
  name: string;
  /** Sizes of the dense weight. */
  shape: readonly [out: number, inputs: number];
  blockSize: number;
  /** Where each block row begins in `colIndices`, and its length at the end. Shape: `[block rows + 1]`. */
  crowIndices: ArrayLike<number>;
  /** The block column of each stored block. Shape: `[blocks]`. */
  colIndices: ArrayLike<number>;
  /** The Euclidean norm of each stored block. Shape: `[blocks]`. */
  norms: ArrayLike<number>;
}

/** Opacities of a tile: the quarter of the blocks with the smallest norms is the palest. */
const SHADES = [0.4, 0.6, 0.8, 1] as const;
/** The side of a tile as a share of its cell; the rest is the gap to the next tile. */
const TILE = 0.84;
/** Pixels of a cell at full size. */
const CELL = 5;

/** The shade of each value by its rank: every shade gets an equal share of the values. */
const rankShades = (values: ArrayLike<number>): number[] => {
  const order = Array.from(values, (value, index) => ({ value, index })).sort((a, b) => a.value - b.value);
  const shades = new Array<number>(values.length);
  order.forEach(({ index }, rank) => (shades[index] = Math.floor((rank * SHADES.length) / order.length)));
  return shades;
};

/** One path for each shade: a tile then takes about 12 bytes, where an element would take 50. `onSide` draws block rows across. */
const renderShades = ({ crowIndices, colIndices, norms }: BlockMosaicData, onSide: boolean): Markup[] => {
  const paths = SHADES.map(() => "");
  const shades = rankShades(norms);
  for (let row = 0; row + 1 < crowIndices.length; row++) {
    for (let at = crowIndices[row]!; at < crowIndices[row + 1]!; at++) {
      const col = colIndices[at]!;
      paths[shades[at]!] += `M${onSide ? `${row} ${col}` : `${col} ${row}`}h${TILE}v${TILE}h-${TILE}z`;
    }
  }
  return paths.flatMap((path, shade) =>
    path === "" ? [] : [new Markup(`<path fill-opacity="${SHADES[shade]}" d="${path}"/>`)],
  );
};

/**
 * Draws the stored blocks of a block-sparse layer as an SVG figure: one tile for each block, darker for larger norms. The longer
 * side of the weight runs across, and the caption says which side that is.
 *
 * @example
 * // 2 × 3 blocks of 4 × 4: row 0 stores columns 0 and 2, row 1 stores column 1.
 * renderBlockMosaic({
 *   name: "fc",
 *   shape: [8, 12],
 *   blockSize: 4,
 *   crowIndices: [0, 2, 3],
 *   colIndices: [0, 2, 1],
 *   norms: [3, 1, 2],
 * }).toString(); // "<figure class=…"
 */
export const renderBlockMosaic = (layer: BlockMosaicData): Markup => {
  const [out, inputs] = layer.shape;
  const rows = Math.ceil(out / layer.blockSize);
  const cols = Math.ceil(inputs / layer.blockSize);
  const onSide = rows > cols;
  const [across, down] = onSide ? [rows, cols] : [cols, rows];
  const facts = `${layer.colIndices.length} of ${rows * cols} blocks of ${layer.blockSize} × ${layer.blockSize}`;
  const sides = `${out} × ${inputs}, ${onSide ? "outputs" : "inputs"} across`;
  return html`<figure class="mosaic">
    ${new Markup(`<svg viewBox="0 0 ${across} ${down}" width="${across * CELL}" height="${down * CELL}" role="img">`)}
    <title>${layer.name}: ${facts}</title>
    ${renderShades(layer, onSide)} ${new Markup("</svg>")}
    <figcaption><strong>${layer.name}</strong><br />${sides}<br />${facts}</figcaption>
  </figure>`;
};
