import type { LogEntry } from "@tessera/models/training";
import { renderCurves, type Curve } from "../report/render-curves.ts";
import { renderLossChart, thinOut } from "../report/render-loss-chart.ts";
import { estimate } from "../sweep-report/statistics.ts";
import type { Figure } from "../sweep-report/sweep-figures.ts";

/** A number of a log over steps. */
const seriesOf = (log: readonly LogEntry[], event: string, name: string): { x: number; y: number }[] =>
  log.flatMap((entry) => {
    const value = entry[name];
    return entry.event === event && typeof value === "number" && Number.isFinite(value)
      ? [{ x: entry.step, y: value }]
      : [];
  });

/** Runs that differ in nothing but the seed. */
export interface RunGroup {
  name: string;
  logs: readonly (readonly LogEntry[])[];
}

/** What is drawn of evaluations and of sparsity. */
const CHARTS = [
  { event: "eval", name: "loss", title: "Validation loss", label: "loss", scale: 1 },
  { event: "eval", name: "accuracy", title: "Validation accuracy", label: "accuracy, %", scale: 100 },
  { event: "sparsity", name: "density", title: "Density of the sparse layers", label: "density", scale: 1 },
] as const;

/** The mean over runs at each step that all of them have, with its interval. */
const meanOver = (runs: readonly { x: number; y: number }[][]): Curve["points"] => {
  const [first = [], ...others] = runs;
  return first.flatMap(({ x }) => {
    const values = runs.flatMap((run) => run.find((point) => point.x === x)?.y ?? []);
    if (values.length <= others.length) return [];
    const { mean, low, high } = estimate(values);
    return [{ x, y: mean, low, high }];
  });
};

const averageLosses = (logs: RunGroup["logs"]) =>
  meanOver(logs.map((log) => seriesOf(log, "train", "loss"))).map(({ x, y }) => ({ step: x, loss: y }));

/** Curves of groups of runs: of several runs the mean over seeds, with its interval. */
export const drawRunCurves = (groups: readonly RunGroup[]): Figure[] => {
  const losses = groups.map(({ name, logs }) => ({ name, points: thinOut(averageLosses(logs)) }));
  const title = "Training loss";
  const charts = CHARTS.flatMap(({ event, name, title: heading, label, scale }) => {
    const curves = groups.flatMap(({ name: group, logs }, series) => {
      const points = meanOver(logs.map((log) => seriesOf(log, event, name))).map(({ x, y, low, high }) => ({
        x,
        y: scale * y,
        low: low === undefined ? undefined : scale * low,
        high: high === undefined ? undefined : scale * high,
      }));
      return points.length > 1 ? [{ name: group, series, points }] : [];
    });
    if (curves.length === 0) return [];
    const options = { title: heading, xLabel: "step", yLabel: label, intervals: "band" as const };
    return [{ title: heading, markup: renderCurves(curves, options) }];
  });
  const hasLosses = losses.some(({ points }) => points.length > 0);
  return [...(hasLosses ? [{ title, markup: renderLossChart(losses, { title }) }] : []), ...charts];
};
