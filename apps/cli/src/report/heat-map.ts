import * as Plot from "@observablehq/plot";
import { html, type Markup } from "./markup.ts";
import { renderPlot } from "./render-plot.ts";

export interface HeatCell {
  layer: string;
  density: number;
  /** What the colour shows: 0 is no change, more is worse. */
  value: number;
}

export interface HeatMapOptions {
  title: string;
  /** Writes a value into its cell. */
  format: (value: number) => string;
}

/** Where a cell is dark enough for white text. */
const DARK = 0.45;

/** Layers downwards, densities from high to low, one coloured cell for each pair with its value written in it. */
export const heatMap = (cells: readonly HeatCell[], { title, format }: HeatMapOptions): Markup => {
  const layers = [...new Set(cells.map(({ layer }) => layer))];
  const densities = [...new Set(cells.map(({ density }) => density))].sort((a, b) => b - a);
  const worst = cells.reduce((most, { value }) => Math.max(most, value), 1e-12);
  const data = cells.map((cell) => {
    const share = Math.min(1, Math.max(0, cell.value / worst));
    return { ...cell, density: String(cell.density), share, ink: share > DARK ? "#fff" : "#1c2430" };
  });
  const marginLeft = Math.min(340, 24 + 7.2 * layers.reduce((most, layer) => Math.max(most, layer.length), 0));
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
