import * as Plot from "@observablehq/plot";
import { html, type Markup } from "./markup.ts";
import { renderPlot } from "./render-plot.ts";

/** A cell of a diverging heat map. Without a value it says why. */
export interface DivergingCell {
  row: string;
  column: string;
  value?: number | undefined;
  /** In place of a value, such as "failed". */
  note?: string | undefined;
}

export interface DivergingHeatMapOptions {
  title: string;
  /** What columns are. */
  columnLabel: string;
  format: (value: number) => string;
  /** The value in the middle of the scale: 0, or 1 for ratios. */
  center?: number;
  /** Which side is good, and blue; the other is orange. */
  better: "lower" | "higher";
  /** The largest distance from the center; that of the cells unless given. Maps that are compared share it. */
  extent?: number | undefined;
}

/** From this opacity on, a cell is strong enough for white text. */
const MIN_STRONG = 0.72;
/** Below 1, so that small values can be told apart beside a large one. */
const GAMMA = 0.7;
/** Cells near the center are seen too. */
const MIN_OPACITY = 0.04;

/**
 * Draws a heat map on a diverging scale as an SVG figure: cells at the center are as the paper, better ones blue, worse ones orange, and as strong as
 * they are far from the center. Colour-blind readers can tell them apart, and each cell has its value.
 *
 * @example
 * renderDivergingHeatMap(
 *   [{ row: "query", column: "0.5", value: -0.09 }, { row: "query", column: "0.25", value: 0.09 }],
 *   { title: "Loss added", columnLabel: "density", format: (value) => value.toFixed(2), better: "lower" },
 * );
 */
export const renderDivergingHeatMap = (
  cells: readonly DivergingCell[],
  { title, columnLabel, format, center = 0, better, extent }: DivergingHeatMapOptions,
): Markup => {
  const rows = [...new Set(cells.map(({ row }) => row))];
  const columns = [...new Set(cells.map(({ column }) => column))];
  const largest = extent ?? largestDistance(cells, center);
  const data = cells.map((cell) => {
    const distance = ((cell.value ?? center) - center) / Math.max(largest, 1e-12);
    const opacity = MIN_OPACITY + (1 - MIN_OPACITY) * Math.min(1, Math.abs(distance)) ** GAMMA;
    const isWorse = better === "lower" ? distance > 0 : distance < 0;
    return {
      ...cell,
      fill: isWorse ? "var(--worse)" : "var(--better)",
      opacity: cell.value === undefined ? 0 : opacity,
      ink: opacity > MIN_STRONG ? "#fff" : "currentColor",
      text: cell.value === undefined ? (cell.note ?? "–") : format(cell.value),
    };
  });
  const marginLeft = Math.min(300, 20 + 7 * rows.reduce((max, row) => Math.max(max, row.length), 0));
  const column = 62;
  const pick = <K extends "fill" | "ink">(key: K): [string, typeof data][] =>
    [...new Set(data.map((cell) => cell[key]))].map((value) => [value, data.filter((cell) => cell[key] === value)]);
  const plot = renderPlot(
    {
      width: marginLeft + 12 + Math.max(3, columns.length) * column,
      height: 56 + 26 * rows.length,
      marginLeft,
      marginTop: 46,
      marginRight: 12,
      marginBottom: 6,
      style: { fontSize: "12px" },
      x: { label: columnLabel, domain: columns, axis: "top", tickSize: 0, type: "band" },
      y: { label: null, domain: rows, tickSize: 0, type: "band" },
      opacity: { domain: [0, 1], range: [0, 1] },
      marks: [
        ...pick("fill").map(([fill, part]) =>
          Plot.cell(part, { x: "column", y: "row", fill, fillOpacity: "opacity", inset: 1, rx: 3 }),
        ),
        ...pick("ink").map(([ink, part]) =>
          Plot.text(part, { x: "column", y: "row", text: "text", fill: ink, fontWeight: 600 }),
        ),
      ],
    },
    title,
  );
  return html`<figure>
    <figcaption>${title}</figcaption>
    ${plot}
  </figure>`;
};

/** How far the farthest value is from the center. */
export const largestDistance = (cells: readonly { value?: number | undefined }[], center = 0): number =>
  cells.reduce((max, { value = center }) => Math.max(max, Math.abs(value - center)), 0);
