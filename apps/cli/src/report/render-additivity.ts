import * as Plot from "@observablehq/plot";
import { html, type Markup } from "./markup.ts";
import { renderLegend } from "./render-legend.ts";
import { renderPlot } from "./render-plot.ts";
import { seriesColor } from "./series-color.ts";

/** What some layers cost together, beside the sum of what each costs alone. */
export interface AdditivePoint {
  series: string;
  sum: number;
  together: number;
  low?: number | undefined;
  high?: number | undefined;
}

/**
 * Draws the cost of layers together over the sum of their costs alone as an SVG figure. On the dashed line costs add up; above it layers cost more
 * together.
 *
 * @example
 * renderAdditivity([{ series: "magnitude", sum: 0.2, together: 0.35 }], { title: "Do costs add up?" });
 */
export const renderAdditivity = (points: readonly AdditivePoint[], { title }: { title: string }): Markup => {
  const names = [...new Set(points.map(({ series }) => series))];
  const series = names.map((name, i) => ({ name, color: seriesColor(i) }));
  const all = points.flatMap(({ sum, together, low = together, high = together }) => [sum, together, low, high]);
  const [low, high] = [Math.min(0, ...all), Math.max(0, ...all)];
  const pad = 0.05 * Math.max(high - low, 1e-9);
  const domain = [low - pad, high + pad];
  const plot = renderPlot(
    {
      width: 480,
      height: 400,
      marginLeft: 52,
      marginRight: 20,
      marginBottom: 40,
      style: { fontSize: "12px" },
      x: { label: "sum of the losses added by each layer alone", domain, ticks: 6, grid: true },
      y: { label: "loss added together", domain, ticks: 6, grid: true },
      marks: [
        Plot.line(
          domain.map((at) => ({ x: at, y: at })),
          { x: "x", y: "y", stroke: "var(--faint)", strokeDasharray: "4 3" },
        ),
        ...series.flatMap(({ name, color }) => {
          const own = points.filter((point) => point.series === name);
          const wide = own.filter((point) => point.high !== undefined && point.low !== undefined);
          return [
            Plot.ruleX(wide, { x: "sum", y1: "low", y2: "high", stroke: color, strokeOpacity: 0.6 }),
            Plot.dot(own, { x: "sum", y: "together", fill: color, r: 4 }),
          ];
        }),
      ],
    },
    title,
  );
  return html`<figure>
    <figcaption>${title}</figcaption>
    ${series.length > 1 ? renderLegend(series) : ""} ${plot}
  </figure>`;
};
