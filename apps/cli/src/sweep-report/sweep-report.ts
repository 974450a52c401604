import { formatCsv } from "../logs/format-csv.ts";
import { formatMarkdownTable } from "../logs/model-card.ts";
import { html, type Markup } from "../report/markup.ts";
import { renderFacts } from "../report/render-facts.ts";
import { renderPage, renderTiles } from "../report/render-page.ts";
import { renderTable } from "../report/render-table.ts";
import {
  densitiesOf,
  drawAdditivity,
  drawComparison,
  drawFronts,
  drawHeatMaps,
  drawLayerCurves,
  formatMeasure,
  type Figure,
} from "./sweep-figures.ts";
import { baselineOf, groupCells, isDense, measures, type MeasureName, type SweepCell } from "./sweep-cells.ts";
import { formatSweepLines } from "./sweep-lines.ts";
import type { SweepRow } from "./sweep-row.ts";

/** A report in every form. */
export interface Report {
  html: string;
  markdown: string;
  /** Files of figures: title and picture. */
  figures: readonly Figure[];
  csv: string;
  /** For a terminal. */
  lines: readonly string[];
}

const difference = (cell: SweepCell, name: MeasureName, rows: readonly SweepRow[]): [number, number][] =>
  cell.rows.flatMap((row): [number, number][] => {
    const dense = baselineOf(row, rows);
    const of = ({ loss, accuracy }: SweepRow): number | undefined => (name === "loss" ? loss : accuracy);
    const [own, other] = [of(row), dense && of(dense)];
    if (row.error !== undefined || own === undefined || other === undefined) return [];
    return [[row.seed, name === "loss" ? own - other : 100 * (other - own)]];
  });

const COLUMNS = [
  "cell",
  "model",
  "mode",
  "layers",
  "density",
  "realisedDensity",
  "blockSize",
  "criterion",
  "recover",
  "seed",
  "loss",
  "lossLow",
  "lossHigh",
  "accuracy",
  "accuracyLow",
  "accuracyHigh",
  "parameters",
  "bytes",
  "forwardMs",
  "denseForwardMs",
  "stepMs",
  "denseStepMs",
  "error",
] as const;

/** All rows as CSV, every number as it was measured. */
const toCsv = (rows: readonly SweepRow[]): string =>
  formatCsv(
    COLUMNS,
    rows.map((row) => {
      const { lossSpread, accuracySpread } = row;
      const flat = {
        ...row,
        layers: row.layers.join(" "),
        lossLow: lossSpread?.low,
        lossHigh: lossSpread?.high,
        accuracyLow: accuracySpread?.low,
        accuracyHigh: accuracySpread?.high,
      };
      return COLUMNS.map((name) => flat[name]);
    }),
  );

const showFact = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** What was measured how: each condition with its values. */
const conditionsOf = (rows: readonly SweepRow[], source: string, command: string): [string, string][] => {
  const unique = (values: readonly string[]): string => [...new Set(values)].join(", ");
  const sparse = rows.filter((row) => !isDense(row));
  const names = [...new Set(rows.flatMap(({ conditions }) => Object.keys(conditions)))];
  return [
    ["rows", source],
    ["made by", command],
    ["model", unique(rows.map(({ model }) => model))],
    ["mode", unique(sparse.map(({ mode }) => mode))],
    ["criteria", unique(sparse.map(({ criterion }) => criterion))],
    ["recovery", unique(sparse.map(({ recover }) => recover))],
    ["block sizes", unique(sparse.map(({ blockSize }) => String(blockSize)))],
    ["seeds", unique(rows.map(({ seed }) => String(seed)))],
    ...names.map((name): [string, string] => [
      name,
      unique(rows.flatMap(({ conditions }) => (name in conditions ? [showFact(conditions[name])] : []))),
    ]),
  ];
};

const INTERVALS =
  "Intervals are 95 %: of several seeds Student's t over seeds, of one seed the bootstrap over test items where it was taken.";

const present = (cells: readonly SweepCell[]): MeasureName[] =>
  (Object.keys(measures) as MeasureName[]).filter((name) => cells.some(({ values }) => values[name]));

const showEstimate = (name: MeasureName, cell: SweepCell): string => {
  const found = cell.values[name];
  if (!found) return cell.errors.length > 0 ? "failed" : "–";
  const { mean, low, high } = found;
  const show = (value: number): string => formatMeasure(name, value);
  return low < high ? `${show(mean)} [${show(low)}, ${show(high)}]` : show(mean);
};

const renderFigures = (figures: readonly Figure[]): Markup =>
  html`<div class="charts">${figures.map(({ markup }) => markup)}</div>`;

const section = (title: string, text: string, figures: readonly Figure[]): Markup | "" =>
  figures.length === 0
    ? ""
    : html`<h2>${title}</h2>
        <p class="faint">${text}</p>
        ${renderFigures(figures)}`;

const heatMapText: Readonly<Record<MeasureName, string>> = {
  loss: "Above zero the model is worse than dense, orange; below it is better, blue.",
  accuracy: "Points of accuracy lost: above zero worse than dense, orange; below better, blue.",
  forwardSpeedUp: "Measured beside dense in the same process. Above 1 is faster, blue; below is slower, orange.",
  stepSpeedUp: "Measured beside dense in the same process. Above 1 is faster, blue; below is slower, orange.",
};

/**
 * Makes the report of a sweep from its rows.
 *
 * @param options `source` names the rows, `command` is the one that made the report, `left` are layers that cannot be sparse
 */
export const createSweepReport = (
  rows: readonly SweepRow[],
  {
    source,
    command,
    left = [],
  }: { source: string; command: string; left?: readonly { group: string; reason: string }[] },
): Report => {
  const cells = groupCells(rows);
  const maps = drawHeatMaps(cells);
  const comparison = drawComparison(cells, (cell, name) => difference(cell, name, rows));
  const curves = drawLayerCurves(cells);
  const fronts = drawFronts(rows);
  const additivity = drawAdditivity(cells);
  const failed = cells.filter(({ errors }) => errors.length > 0);
  const facts = conditionsOf(rows, source, command);
  const names = present(cells);
  const seeds = new Set(rows.map(({ seed }) => seed)).size;
  const layers = new Set(cells.map(({ layer }) => layer)).size;
  const page = renderPage(
    "Tessera sensitivity",
    html`<h1>Which layers tolerate sparsity?</h1>
      ${renderFacts(facts)}
      ${renderTiles([
        { value: String(layers), label: "layers or groups of layers" },
        { value: densitiesOf(cells).join(", "), label: "densities" },
        { value: String(seeds), label: seeds === 1 ? "seed" : "seeds" },
        { value: String(cells.length), label: "cells" },
        ...(failed.length > 0 ? [{ value: String(failed.length), label: "cells that failed" }] : []),
      ])}
      <p class="faint">${INTERVALS}</p>
      ${maps.map(({ measure, figures }) => section(measures[measure].title, heatMapText[measure], figures))}
      ${section("Side by side", "The mean over all layers, each sparse by itself, with the interval over seeds.", comparison)}
      ${section("The most sensitive layers", "Loss added beside dense, with intervals.", curves)}
      ${section("What a parameter and a millisecond buy", "Lines join the models that no other of their kind beats.", fronts)}
      ${section("Do costs add up?", "On the dashed line they do. Above it layers cost more together than alone.", additivity)}
      <h2>Every cell</h2>
      ${renderTable(
        [
          { title: "layer", value: ({ layer }) => layer },
          { title: "variant", value: ({ variant }) => variant },
          { title: "density", value: ({ density }) => String(density), numeric: true },
          { title: "realised", value: ({ realised }) => realised.toFixed(3), numeric: true },
          { title: "seeds", value: (cell) => String(cell.rows.length), numeric: true },
          ...names.map((name) => ({
            title: measures[name].title,
            value: (cell: SweepCell) => showEstimate(name, cell),
            numeric: true,
          })),
        ],
        cells,
      )}
      ${
        failed.length === 0
          ? ""
          : html`<h2>Cells that failed</h2>
              ${renderTable(
                [
                  { title: "layer", value: ({ layer }) => layer },
                  { title: "density", value: ({ density }) => String(density), numeric: true },
                  { title: "why", value: ({ errors }) => errors.join("; ") },
                ],
                failed,
              )}`
      }
      ${
        left.length === 0
          ? ""
          : html`<h2>Layers left dense</h2>
              ${renderTable(
                [
                  { title: "layer", value: ({ group }) => group },
                  { title: "why", value: ({ reason }) => reason },
                ],
                left,
              )}`
      }`,
  );
  return {
    html: page,
    markdown: toMarkdown(cells, names, facts),
    figures: [...maps.flatMap(({ figures }) => figures), ...comparison, ...curves, ...fronts, ...additivity],
    csv: toCsv(rows),
    lines: formatSweepLines(rows, cells, names),
  };
};

const toMarkdown = (
  cells: readonly SweepCell[],
  names: readonly MeasureName[],
  facts: readonly (readonly [string, string])[],
): string => {
  const table = formatMarkdownTable(
    ["layer", "variant", "density", "realised", "seeds", ...names.map((name) => measures[name].title)],
    cells.map((cell) => [
      cell.layer,
      cell.variant,
      cell.density,
      Number(cell.realised.toFixed(3)),
      cell.rows.length,
      ...names.map((name) => showEstimate(name, cell)),
    ]),
  );
  return `# Which layers tolerate sparsity?\n\n${facts.map(([name, value]) => `- ${name}: ${value}\n`).join("")}\n${INTERVALS}\n\n${table}`;
};
