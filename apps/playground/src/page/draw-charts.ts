import { line, plot, rectY, ruleX, ruleY, text } from "@observablehq/plot";
import type { HeldOutPoint, Histogram, Mark, StepPoint } from "../engine/protocol.ts";

/** More points than this cannot be told apart in the picture. */
const MAX_POINTS = 240;

interface Point {
  readonly step: number;
  readonly loss: number;
}

/** Means of groups of neighbours, at the last step of each. */
export const thinOut = (points: readonly Point[], count = MAX_POINTS): Point[] => {
  if (points.length <= count) return [...points];
  return Array.from({ length: count }, (_, i) => {
    const part = points.slice(Math.floor((i * points.length) / count), Math.floor(((i + 1) * points.length) / count));
    return { step: part.at(-1)!.step, loss: part.reduce((sum, { loss }) => sum + loss, 0) / part.length };
  });
};

/** The running mean: the trend behind the noise of single batches. */
const smooth = (points: readonly Point[], window: number): Point[] =>
  points.map(({ step }, i) => {
    const part = points.slice(Math.max(0, i + 1 - window), i + 1);
    return { step, loss: part.reduce((sum, { loss }) => sum + loss, 0) / part.length };
  });

export interface LossData {
  readonly points: readonly StepPoint[];
  readonly twin: readonly StepPoint[];
  readonly heldOut: readonly HeldOutPoint[];
  readonly marks: readonly Mark[];
}

const style = { background: "transparent", fontSize: "12px", fontFamily: "inherit", color: "var(--ink-soft)" };

/** A chart is one picture with one name; what the library calls its parts helps nobody who hears it. */
const asPicture = (chart: Element, name: string): Element => {
  for (const part of chart.querySelectorAll("[aria-label], [aria-description]")) {
    part.removeAttribute("aria-label");
    part.removeAttribute("aria-description");
  }
  chart.setAttribute("role", "img");
  chart.setAttribute("aria-label", name);
  return chart;
};

/** Losses over steps: faint as they are, strong as their trend; held-out losses as a dashed line, patches as rules. */
export const drawLosses = ({ points, twin, heldOut, marks }: LossData, width: number): Element => {
  const series = [
    { name: "twin", color: "var(--twin)", all: thinOut(twin) },
    { name: "own", color: "var(--own)", all: thinOut(points) },
  ].filter(({ all }) => all.length > 0);
  const own = heldOut.map(({ step, loss }) => ({ step, loss }));
  const beside = heldOut.flatMap(({ step, twin }) => (twin === null ? [] : [{ step, loss: twin }]));
  const last = points.at(-1)?.step ?? 1;
  return asPicture(
    plot({
      width,
      height: Math.max(190, Math.min(280, width * 0.5)),
      marginLeft: 38,
      marginRight: 12,
      marginTop: 22,
      marginBottom: 34,
      style,
      x: {
        label: "step",
        ticks: Math.max(3, Math.floor(width / 110)),
        domain: [points[0]?.step ?? 0, Math.max(last, 10)],
      },
      y: { label: "loss", grid: true, nice: true, ticks: 5 },
      marks: [
        ...(marks.length > 0
          ? [
              ruleX(marks, { x: "step", stroke: "var(--ink-faint)", strokeDasharray: "2 3" }),
              text(marks.slice(-4), {
                x: "step",
                frameAnchor: "top",
                text: "text",
                textAnchor: "end",
                dx: -4,
                dy: -14,
                fill: "var(--ink-soft)",
                fontSize: 11,
              }),
            ]
          : []),
        ...series.flatMap(({ color, all }) => [
          line(all, { x: "step", y: "loss", stroke: color, strokeOpacity: 0.28, strokeWidth: 1 }),
          line(smooth(all, Math.max(1, Math.round(all.length / 16))), {
            x: "step",
            y: "loss",
            stroke: color,
            strokeWidth: 2.2,
          }),
        ]),
        line(beside, { x: "step", y: "loss", stroke: "var(--twin)", strokeWidth: 1.5, strokeDasharray: "5 4" }),
        line(own, { x: "step", y: "loss", stroke: "var(--own)", strokeWidth: 1.5, strokeDasharray: "5 4" }),
      ],
    }),
    "Loss over steps",
  );
};

/** How many weights lie in each stretch of values. */
export const drawHistogram = ({ from, to, counts }: Histogram, width: number): Element => {
  const step = (to - from) / counts.length;
  const bins = counts.map((count, i) => ({ count, x1: from + i * step, x2: from + (i + 1) * step }));
  return asPicture(
    plot({
      width,
      height: 220,
      marginLeft: 48,
      style,
      x: { label: "weight", ticks: 6 },
      y: { label: "how many", grid: true, ticks: 4 },
      marks: [rectY(bins, { x1: "x1", x2: "x2", y: "count", fill: "var(--own)", inset: 0.5 }), ruleY([0])],
    }),
    "Histogram of the weights",
  );
};
