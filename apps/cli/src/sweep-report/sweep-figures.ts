import { largestDistance, renderDivergingHeatMap, type DivergingCell } from "../report/render-diverging-heat-map.ts";
import { renderAdditivity } from "../report/render-additivity.ts";
import { renderCurves, type Curve } from "../report/render-curves.ts";
import { renderPareto } from "../report/render-pareto.ts";
import type { Markup } from "../report/markup.ts";
import { findAdditivity } from "./additivity.ts";
import { modelsOf, paretoFront } from "./pareto.ts";
import { measures, type MeasureName, type SweepCell } from "./sweep-cells.ts";
import type { SweepRow } from "./sweep-row.ts";
import { estimate } from "./statistics.ts";

/** A picture of a report. */
export interface Figure {
  title: string;
  markup: Markup;
}

/** `+0.090`, `−0.090`, or `1.31×` for ratios. */
export const formatMeasure = (name: MeasureName, value: number): string => {
  if (name === "forwardSpeedUp" || name === "stepSpeedUp") return `${value.toFixed(2)}×`;
  const digits = name === "loss" ? 3 : 1;
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? text : `${value < 0 ? "−" : "+"}${text}`;
};

/** Cells in which one layer alone is sparse, or what was measured as one. */
const ofSingleLayers = (cells: readonly SweepCell[]): readonly SweepCell[] => {
  const single = cells.filter(({ layers }) => layers.length === 1);
  return single.length > 0 ? single : cells;
};

const has = (cells: readonly SweepCell[], name: MeasureName): boolean =>
  cells.some(({ values }) => values[name] !== undefined);

export const variantsOf = (cells: readonly SweepCell[]): string[] => [...new Set(cells.map(({ variant }) => variant))];

export const densitiesOf = (cells: readonly SweepCell[]): number[] =>
  [...new Set(cells.map(({ density }) => density))].sort((a, b) => b - a);

/** A heat map of each measure for each variant; those of one mode share a scale. */
export const drawHeatMaps = (cells: readonly SweepCell[]): { measure: MeasureName; figures: Figure[] }[] =>
  (Object.keys(measures) as MeasureName[]).flatMap((measure) => {
    if (!has(cells, measure)) return [];
    const { title, better } = measures[measure];
    const center = measure.endsWith("SpeedUp") ? 1 : 0;
    const toCell = (cell: SweepCell): DivergingCell => ({
      row: cell.layer,
      column: String(cell.density),
      value: cell.values[measure]?.mean,
      note: cell.errors.length > 0 ? "failed" : undefined,
    });
    const modeOf = ({ rows }: SweepCell): string => rows[0]!.mode;
    const figures = variantsOf(cells).map((variant) => {
      const own = cells
        .filter((cell) => cell.variant === variant)
        .toSorted((a, b) => b.density - a.density)
        .map(toCell);
      const name = variant === "" ? title : `${title}: ${variant}`;
      // Rows in the order of the layers, and not of the densities.
      const order = [...new Set(cells.map(({ layer }) => layer))];
      const sorted = own.toSorted(
        (a, b) => order.indexOf(a.row) - order.indexOf(b.row) || Number(b.column) - Number(a.column),
      );
      const format = (value: number): string => formatMeasure(measure, value);
      const modes = new Set(cells.filter((cell) => cell.variant === variant).map(modeOf));
      const extent = largestDistance(cells.filter((cell) => modes.has(modeOf(cell))).map(toCell), center);
      const options = { title: name, columnLabel: "density", format, center, better, extent };
      return { title: name, markup: renderDivergingHeatMap(sorted, options) };
    });
    return [{ measure, figures }];
  });

/** For each variant the mean over layers at each density: each seed gives one mean, and the interval is over seeds. */
const meanCurve = (cells: readonly SweepCell[], name: MeasureName, valueOf: SeedValue): Curve["points"] =>
  densitiesOf(cells).flatMap((density) => {
    const bySeed = new Map<number, number[]>();
    for (const cell of cells.filter((each) => each.density === density))
      for (const [seed, value] of valueOf(cell, name)) bySeed.set(seed, [...(bySeed.get(seed) ?? []), value]);
    if (bySeed.size === 0) return [];
    const means = [...bySeed.values()].map((values) => values.reduce((sum, value) => sum + value, 0) / values.length);
    const { mean, low, high } = estimate(means);
    return [{ x: density, y: mean, low, high }];
  });

/** The values of a cell's seeds. */
type SeedValue = (cell: SweepCell, name: MeasureName) => readonly (readonly [seed: number, value: number])[];

/** The variants of a sweep side by side, over densities. */
export const drawComparison = (all: readonly SweepCell[], valueOf: SeedValue): Figure[] => {
  const cells = ofSingleLayers(all);
  return (["loss", "accuracy"] as const).flatMap((measure) => {
    if (!has(cells, measure)) return [];
    const curves = variantsOf(cells).map((variant) => ({
      name: variant,
      points: meanCurve(
        cells.filter((cell) => cell.variant === variant),
        measure,
        valueOf,
      ),
    }));
    const title = `${measures[measure].title}: mean over layers`;
    const options = {
      title,
      xLabel: "density",
      yLabel: measures[measure].title,
      reference: 0,
      reverse: true,
      ticks: densitiesOf(cells),
    };
    return [{ title, markup: renderCurves(curves, options) }];
  });
};

/** Layers whose curves one picture shows. */
const MAX_CURVES = 4;

/** Curves of the layers that cost the most, with intervals. */
export const drawLayerCurves = (cells: readonly SweepCell[]): Figure[] =>
  variantsOf(ofSingleLayers(cells)).flatMap((variant) => {
    const own = ofSingleLayers(cells).filter((cell) => cell.variant === variant && cell.values.loss);
    const cost = (layer: string): number =>
      Math.max(...own.filter((cell) => cell.layer === layer).map(({ values }) => values.loss!.mean));
    const layers = [...new Set(own.map(({ layer }) => layer))]
      .toSorted((a, b) => cost(b) - cost(a))
      .slice(0, MAX_CURVES);
    if (layers.length === 0 || densitiesOf(own).length < 2) return [];
    const curves = layers.map((layer) => ({
      name: layer,
      points: own
        .filter((cell) => cell.layer === layer)
        .map(({ density, values: { loss } }) => ({ x: density, y: loss!.mean, low: loss!.low, high: loss!.high }))
        .toSorted((a, b) => a.x - b.x),
    }));
    const title = `The ${layers.length} most sensitive layers${variant === "" ? "" : `: ${variant}`}`;
    const options = {
      title,
      xLabel: "density",
      yLabel: "loss added",
      reference: 0,
      reverse: true,
      ticks: densitiesOf(cells),
    };
    return [{ title, markup: renderCurves(curves, options) }];
  });

/** The fronts of score against parameters and against step time. */
export const drawFronts = (rows: readonly SweepRow[]): Figure[] => {
  const models = modelsOf(rows).filter(({ score }) => Number.isFinite(score));
  const isAccuracy = rows.some(({ accuracy }) => accuracy !== undefined);
  const score = (value: number): number => (isAccuracy ? 100 * value : value);
  const costs = [
    { key: "parameters", label: "parameters", title: "against parameters" },
    { key: "stepMs", label: "milliseconds of a training step", title: "against measured step time" },
  ] as const;
  return costs.flatMap(({ key, label, title }) => {
    const priced = models.filter((model) => model[key] !== undefined);
    if (priced.length < 2) return [];
    const front = new Set(
      (["sparse", "dense"] as const).flatMap((kind) =>
        paretoFront(
          priced.filter((model) => model.kind === kind),
          (model) => model[key],
        ),
      ),
    );
    const points = priced.map((model) => ({
      kind: model.kind,
      cost: model[key]!,
      score: score(model.score),
      isFront: front.has(model),
    }));
    const name = `${isAccuracy ? "Accuracy" : "Minus the loss"} ${title}`;
    const scoreLabel = isAccuracy ? "accuracy, %" : "−loss";
    return [{ title: name, markup: renderPareto(points, { title: name, costLabel: label, scoreLabel }) }];
  });
};

/** Whether costs of layers add up. */
export const drawAdditivity = (cells: readonly SweepCell[]): Figure[] => {
  const points = findAdditivity(cells);
  if (points.length === 0) return [];
  const title = "Cost of layers together, against the sum of their costs alone";
  const several = new Set(points.map(({ variant }) => variant)).size > 1;
  const drawn = points.map(({ variant, density, sum, together: { mean, low, high } }) => ({
    series: several ? variant : `density ${density}`,
    sum,
    together: mean,
    low,
    high,
  }));
  return [{ title, markup: renderAdditivity(drawn, { title }) }];
};
