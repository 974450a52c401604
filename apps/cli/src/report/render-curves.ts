import * as Plot from "@observablehq/plot";
import { html, type Markup } from "./markup.ts";
import { renderLegend } from "./render-legend.ts";
import { renderPlot } from "./render-plot.ts";
import { seriesColor } from "./series-color.ts";

/** A point of a curve, with its interval if it has one. */
export interface CurvePoint {
  x: number;
  y: number;
  low?: number | undefined;
  high?: number | undefined;
}

export interface Curve {
  name: string;
  /** The index of its colour, as in `seriesColor`; its place among the curves unless given. */
  series?: number;
  points: readonly CurvePoint[];
}

export interface CurvesOptions {
  title: string;
  xLabel: string;
  yLabel: string;
  /** A value to draw a line at, such as 0 for what is like dense. */
  reference?: number;
  /** Densities fall to the right. */
  reverse?: boolean;
  /** Where the axis below has ticks. */
  ticks?: readonly number[];
  /** Intervals as bars at the points, or as a band along the line; as bars unless said otherwise. */
  intervals?: "bars" | "band";
}

/** Pixels between the bars of neighbouring curves, which would else hide each other. */
const DODGE = 4;

/**
 * Draws curves as an SVG figure, each in a colour of its own, with their intervals. Points that are not finite are left out.
 *
 * @example
 * const points = [0.75, 0.5].map((x) => ({ x, y: 1 - x, low: 0.9 - x, high: 1.1 - x }));
 * renderCurves([{ name: "magnitude", points }], { title: "Loss added", xLabel: "density", yLabel: "loss", reverse: true });
 */
export const renderCurves = (curves: readonly Curve[], options: CurvesOptions): Markup => {
  const { title, xLabel, yLabel, reference, reverse = false, ticks, intervals = "bars" } = options;
  const drawn = curves.map(({ name, points, series }, i) => ({
    name,
    color: seriesColor(series ?? i),
    dash: (series ?? i) >= 4 ? "5 3" : "none",
    dx: intervals === "bars" ? DODGE * (i - (curves.length - 1) / 2) : 0,
    points: points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)),
  }));
  const marks = drawn.flatMap(({ color, dash, dx, points }): Plot.Markish[] => {
    const wide = points.filter(({ low, high }) => low !== undefined && high !== undefined && high > low);
    const interval = { x: "x", y1: "low", y2: "high" } as const;
    return [
      intervals === "band"
        ? Plot.areaY(wide, { ...interval, fill: color, fillOpacity: 0.15 })
        : Plot.ruleX(wide, { ...interval, stroke: color, strokeWidth: 1.5, strokeOpacity: 0.7, dx }),
      Plot.line(points, { x: "x", y: "y", stroke: color, strokeWidth: 2, strokeDasharray: dash, dx }),
      ...(points.length <= 40 ? [Plot.dot(points, { x: "x", y: "y", fill: color, r: 3, dx })] : []),
    ];
  });
  const plot = renderPlot(
    {
      width: 480,
      height: 300,
      marginLeft: 52,
      marginRight: 20,
      marginBottom: 40,
      style: { fontSize: "12px" },
      x: {
        label: xLabel,
        reverse,
        ticks: ticks ? [...ticks] : 5,
        tickFormat: (x: number) => x.toLocaleString("en-US"),
      },
      y: { label: yLabel, grid: true, nice: true, ticks: 6 },
      marks: [
        ...(reference === undefined
          ? []
          : [Plot.ruleY([reference], { stroke: "var(--faint)", strokeDasharray: "4 3" })]),
        ...marks,
      ],
    },
    title,
  );
  return html`<figure>
    <figcaption>${title}</figcaption>
    ${curves.length > 1 ? renderLegend(drawn) : ""} ${plot}
  </figure>`;
};
