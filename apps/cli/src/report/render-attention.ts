import * as Plot from "@observablehq/plot";
import { html, type Markup } from "./markup.ts";
import { renderPlot } from "./render-plot.ts";

/** Where one head of attention looks in a text. */
export interface AttentionData {
  /** The tokens of the text. A token may occur twice. */
  tokens: readonly string[];
  /** How much each token, a row, takes from each other, a column. Shape: `[tokens, tokens]`. */
  weights: readonly (readonly number[])[];
}

/** Pixels of a cell. */
const CELL = 38;
/** From this weight on, a cell is dark enough for white text. */
const MIN_DARK = 0.45;
/** Smaller weights get no figure. */
const MIN_SHOWN = 0.1;

/**
 * Draws where a head looks as an SVG figure: a row for each token, deeper colours in the columns of the tokens that it takes from,
 * and the larger weights in per cent.
 *
 * @example
 * renderAttention({ tokens: ["a", "bird"], weights: [[0.2, 0.8], [0.6, 0.4]] }, { title: "Layer 1, head 2" });
 */
export const renderAttention = ({ tokens, weights }: AttentionData, { title }: { title: string }): Markup => {
  const cells = weights.flatMap((row, from) =>
    row.map((weight, to) => ({ from, to, weight, ink: weight > MIN_DARK ? "#fff" : "#1c2430" })),
  );
  const margin = 16 + 8 * tokens.reduce((max, token) => Math.max(max, token.length), 0);
  const places = tokens.map((_, i) => i);
  const axis = { domain: places, tickFormat: (i: number) => tokens[i]!, tickSize: 0 };
  const plot = renderPlot(
    {
      width: margin + CELL * tokens.length + 16,
      height: margin + 24 + CELL * tokens.length,
      marginLeft: margin,
      marginTop: margin + 16,
      marginRight: 16,
      marginBottom: 8,
      style: { fontSize: "13px" },
      x: { ...axis, axis: "top", label: "the token on the left looks at", tickRotate: -90, type: "band" },
      y: { ...axis, label: null, type: "band" },
      color: { domain: [0, 1], range: ["#e6eef9", "#0b3d91"], interpolate: "hcl" },
      marks: [
        Plot.cell(cells, { x: "to", y: "from", fill: "weight", inset: 1, rx: 3 }),
        ...["#fff", "#1c2430"].map((ink) =>
          Plot.text(
            cells.filter((cell) => cell.ink === ink && cell.weight >= MIN_SHOWN),
            {
              x: "to",
              y: "from",
              text: (cell: { weight: number }) => String(Math.round(100 * cell.weight)),
              fill: ink,
              fontSize: 12,
            },
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
