import * as Plot from "@observablehq/plot";
import { html, type Markup } from "./markup.ts";
import { renderLegend } from "./render-legend.ts";
import { renderPlot } from "./render-plot.ts";
import { seriesColor } from "./series-color.ts";

/** The loss at a step of a training. */
export interface LossPoint {
  step: number;
  loss: number;
}

/** The losses of one training. */
export interface LossSeries {
  name: string;
  points: readonly LossPoint[];
}

/** More points than this cannot be told apart in the picture. */
const MAX_POINTS = 300;

/**
 * Reduces points to `count` means over consecutive groups of equal size. Each mean stands at the last step of its group.
 *
 * @example
 * thinOut([{ step: 1, loss: 4 }, { step: 2, loss: 2 }], 1); // [{ step: 2, loss: 3 }]
 */
export const thinOut = (points: readonly LossPoint[], count = MAX_POINTS): LossPoint[] => {
  if (points.length <= count) return [...points];
  return Array.from({ length: count }, (_, i) => {
    const part = points.slice(Math.floor((i * points.length) / count), Math.floor(((i + 1) * points.length) / count));
    return {
      step: part[part.length - 1]!.step,
      loss: part.reduce((total, { loss }) => total + loss, 0) / part.length,
    };
  });
};

/**
 * Replaces each loss with the mean of the last `window` losses, which shows the trend behind the noise of single batches.
 *
 * @example
 * smooth([{ step: 1, loss: 4 }, { step: 2, loss: 2 }], 2); // [{ step: 1, loss: 4 }, { step: 2, loss: 3 }]
 */
export const smooth = (points: readonly LossPoint[], window: number): LossPoint[] =>
  points.map(({ step }, i) => {
    const part = points.slice(Math.max(0, i + 1 - window), i + 1);
    return { step, loss: part.reduce((total, { loss }) => total + loss, 0) / part.length };
  });

/**
 * Draws losses over steps as an SVG figure: the losses as a faint line, their running mean as a strong one. Each series has a colour
 * of its own, named in a legend. Losses that are not finite are left out.
 *
 * @example
 * const points = Array.from({ length: 100 }, (_, step) => ({ step, loss: 1 / (step + 1) }));
 * renderLossChart([{ name: "dense", points }], { title: "Training" });
 */
export const renderLossChart = (series: readonly LossSeries[], { title }: { title: string }): Markup => {
  const drawn = series.map(({ name, points }, i) => {
    const thin = thinOut(points.filter(({ loss }) => Number.isFinite(loss)));
    return { name, color: seriesColor(i), thin, trend: smooth(thin, Math.max(1, Math.round(thin.length / 20))) };
  });
  const plot = renderPlot(
    {
      width: 480,
      height: 280,
      marginLeft: 40,
      marginRight: 20,
      marginBottom: 40,
      style: { fontSize: "12px" },
      x: { label: "step", ticks: 5, tickFormat: (step: number) => step.toLocaleString("en-US") },
      y: { label: "loss", grid: true, nice: true, ticks: 6 },
      marks: drawn.flatMap(({ color, thin, trend }) => [
        Plot.line(thin, { x: "step", y: "loss", stroke: color, strokeOpacity: 0.3, strokeWidth: 1 }),
        Plot.line(trend, { x: "step", y: "loss", stroke: color, strokeWidth: 2 }),
      ]),
    },
    title,
  );
  return html`<figure>
    <figcaption>${title}</figcaption>
    ${series.length > 1 ? renderLegend(drawn) : ""} ${plot}
  </figure>`;
};
