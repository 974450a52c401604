import { html, Markup } from "./markup.ts";

/** The stored blocks of a layer, in the manner of a BSR matrix. */
export interface MosaicData {
  name: string;
  /** Of the dense weight. */
  shape: readonly [out: number, inputs: number];
  blockSize: number;
  /** Where each block row begins in `colIndices`; one longer than there are rows. */
  crowIndices: ArrayLike<number>;
  colIndices: ArrayLike<number>;
  /** The Euclidean norm of each block. */
  norms: ArrayLike<number>;
}

/** Shades of a tile: the quarter of the blocks with the smallest norms is the palest. */
const SHADES = [0.4, 0.6, 0.8, 1] as const;
/** The side of a tile in its cell; the rest is the joint. */
const TILE = 0.84;
/** Pixels of a cell where there is room. */
const CELL = 5;

/** The shade of each value, by rank: equal shares of all shades. */
const shadesByRank = (values: ArrayLike<number>): number[] => {
  const order = Array.from(values, (value, index) => ({ value, index })).sort((a, b) => a.value - b.value);
  const shades = new Array<number>(values.length);
  order.forEach(({ index }, rank) => (shades[index] = Math.floor((rank * SHADES.length) / order.length)));
  return shades;
};

/** One path a shade: a tile costs a dozen bytes instead of an element. `onSide` puts block rows across. */
const tiles = ({ crowIndices, colIndices, norms }: MosaicData, onSide: boolean): Markup[] => {
  const paths = SHADES.map(() => "");
  const shades = shadesByRank(norms);
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
 * The blocks of a layer as a mosaic: a tile for each stored block, the stronger the block the deeper its colour. The longer
 * side of the weight runs across; the caption says which that is.
 */
export const blockMosaic = (layer: MosaicData): Markup => {
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
    ${tiles(layer, onSide)} ${new Markup("</svg>")}
    <figcaption><strong>${layer.name}</strong><br />${sides}<br />${facts}</figcaption>
  </figure>`;
};
