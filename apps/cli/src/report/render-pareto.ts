import * as Plot from "@observablehq/plot";
import { html, type Markup } from "./markup.ts";
import { renderLegend } from "./render-legend.ts";
import { renderPlot } from "./render-plot.ts";

/** A model in a picture of costs and scores. */
export interface ParetoPoint {
  kind: "sparse" | "dense";
  cost: number;
  score: number;
  /** Whether no other one of its kind is cheaper and as good. */
  isFront: boolean;
}

/**
 * Draws scores over costs as an SVG figure, with the front of the sparse models and that of the dense ones, smaller ones among them, as lines of their own.
 *
 * @example
 * renderPareto([{ kind: "dense", cost: 1e6, score: 0.8, isFront: true }], { title: "Size", costLabel: "parameters", scoreLabel: "accuracy, %" });
 */
export const renderPareto = (
  points: readonly ParetoPoint[],
  { title, costLabel, scoreLabel }: { title: string; costLabel: string; scoreLabel: string },
): Markup => {
  const kinds = [
    { kind: "sparse", name: "block-sparse", color: "var(--blue)", symbol: "circle" },
    { kind: "dense", name: "dense, of this and smaller sizes", color: "var(--orange)", symbol: "square" },
  ] as const;
  const shown = kinds.filter(({ kind }) => points.some((point) => point.kind === kind));
  const plot = renderPlot(
    {
      width: 480,
      height: 300,
      marginLeft: 52,
      marginRight: 24,
      marginBottom: 40,
      style: { fontSize: "12px" },
      x: { label: costLabel, ticks: 5, nice: true, tickFormat: (x: number) => x.toLocaleString("en-US") },
      y: { label: scoreLabel, grid: true, nice: true, ticks: 6 },
      marks: shown.flatMap(({ kind, color, symbol }) => {
        const own = points.filter((point) => point.kind === kind);
        const front = own.filter(({ isFront }) => isFront).toSorted((a, b) => a.cost - b.cost);
        const place = { x: "cost", y: "score", symbol, r: 4 } as const;
        return [
          Plot.line(front, { x: "cost", y: "score", stroke: color, strokeWidth: 2, curve: "step-after" }),
          Plot.dot(
            own.filter(({ isFront }) => !isFront),
            { ...place, stroke: color, strokeOpacity: 0.55 },
          ),
          Plot.dot(front, { ...place, fill: color, stroke: "var(--card)" }),
        ];
      }),
    },
    title,
  );
  return html`<figure>
    <figcaption>${title}</figcaption>
    ${renderLegend(shown)} ${plot}
  </figure>`;
};
