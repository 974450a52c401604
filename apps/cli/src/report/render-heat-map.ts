import * as Plot from "@observablehq/plot";
import { html, type Markup } from "./markup.ts";
import { renderPlot } from "./render-plot.ts";

/** One cell of a heat map. */
export interface HeatCell {
  layer: string;
  density: number;
  /** What the colour shows: 0 or less is the lightest, the largest value the darkest. */
  value: number;
}

/** Title and number format of a heat map. */
export interface HeatMapOptions {
  title: string;
  /** Makes the text of a cell from its value. */
  format: (value: number) => string;
}

/** From this share of the largest value on, a cell is dark enough for white text. */
const MIN_DARK_SHARE = 0.45;

/**
 * Draws a heat map as an SVG figure: a row for each layer, a column for each density from high to low, and the value in each cell.
 *
 * @example
 * const cells = [
 *   { layer: "query", density: 0.5, value: 0.01 },
 *   { layer: "query", density: 0.25, value: 0.09 },
 * ];
 * renderHeatMap(cells, { title: "Loss added", format: (value) => value.toFixed(2) });
 */
export const renderHeatMap = (cells: readonly HeatCell[], { title, format }: HeatMapOptions): Markup => {
  const layers = [...new Set(cells.map(({ layer }) => layer))];
  const densities = [...new Set(cells.map(({ density }) => density))].sort((a, b) => b - a);
  const largest = cells.reduce((max, { value }) => Math.max(max, value), 1e-12);
  const data = cells.map((cell) => {
    const share = Math.min(1, Math.max(0, cell.value / largest));
    return { ...cell, density: String(cell.density), share, ink: share > MIN_DARK_SHARE ? "#fff" : "#1c2430" };
  });
  const marginLeft = Math.min(340, 24 + 7.2 * layers.reduce((max, layer) => Math.max(max, layer.length), 0));
  const plot = renderPlot(
    {
      width: marginLeft + 20 + Math.max(4, densities.length) * 92,
      height: 64 + 32 * layers.length,
      marginLeft,
      marginTop: 48,
      style: { fontSize: "13px" },
      marginBottom: 8,
      x: { label: "density", domain: densities.map(String), axis: "top", tickSize: 0 },
      y: { label: null, domain: layers, tickSize: 0 },
      color: { domain: [0, 1], range: ["#e6eef9", "#0b3d91"], interpolate: "hcl" },
      marks: [
        Plot.cell(data, { x: "density", y: "layer", fill: "share", inset: 1, rx: 3 }),
        ...["#fff", "#1c2430"].map((ink) =>
          Plot.text(
            data.filter((cell) => cell.ink === ink),
            { x: "density", y: "layer", text: (cell: HeatCell) => format(cell.value), fill: ink, fontWeight: 600 },
          ),
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
