import * as Plot from "@observablehq/plot";
import { html, type Markup } from "./markup.ts";
import { renderPlot } from "./render-plot.ts";
import { seriesColor } from "./series-color.ts";

/** One bar of an accuracy chart. */
export interface AccuracyBar {
  name: string;
  /** A share in 0 … 1. */
  accuracy: number;
  /** The index of its colour, as in `seriesColor`; grey without. */
  series?: number;
}

/**
 * Draws accuracies as horizontal bars from 0 to 100 %, each with its value at the end, as an SVG figure.
 *
 * @example
 * const chart = renderAccuracyChart(
 *   [{ name: "naive Bayes", accuracy: 0.698 }, { name: "sparse", accuracy: 0.716, series: 0 }],
 *   { title: "Accuracy on 3,000 texts" },
 * );
 * console.log(renderPage("Accuracy", chart));
 */
export const renderAccuracyChart = (bars: readonly AccuracyBar[], { title }: { title: string }): Markup => {
  const data = bars.map(({ name, accuracy, series }) => ({
    name,
    accuracy: 100 * accuracy,
    color: series === undefined ? "var(--grey)" : seriesColor(series),
  }));
  const plot = renderPlot(
    {
      width: 920,
      height: 52 + 36 * bars.length,
      marginLeft: 170,
      marginRight: 20,
      marginBottom: 40,
      style: { fontSize: "14px" },
      x: { label: "accuracy, %", domain: [0, 100], grid: true },
      y: { label: null, domain: data.map(({ name }) => name), tickSize: 0, padding: 0.25 },
      marks: [
        ...data.map((bar) => Plot.barX([bar], { x: "accuracy", y: "name", fill: bar.color, rx: 2 })),
        Plot.text(data, {
          x: "accuracy",
          y: "name",
          text: (bar: { accuracy: number }) => `${bar.accuracy.toFixed(1)} %`,
          textAnchor: "start",
          dx: 6,
          fill: "currentColor",
          fontVariant: "tabular-nums",
          fontWeight: 600,
        }),
        Plot.ruleX([0]),
      ],
    },
    title,
  );
  return html`<figure>
    <figcaption>${title}</figcaption>
    ${plot}
  </figure>`;
};
