import { formatPercent } from "../terminal/format.ts";
import { renderHeatMap } from "./render-heat-map.ts";
import { html } from "./markup.ts";
import { renderPage, renderTiles } from "./render-page.ts";
import { renderTable } from "./render-table.ts";

/** The measurement of one layer made sparse, the others left dense. */
export interface SensitivityCell {
  layer: string;
  /** The density that was asked for. */
  density: number;
  /** The share of blocks that was kept. */
  realised: number;
  loss: number;
  /** Absent where the model is no classifier. */
  accuracy?: number;
}

/** All data that the report shows. */
export interface SensitivityReportData {
  model: string;
  command: string;
  /** The evaluation data, in words. */
  data: string;
  recoverySteps: number;
  blockSize: number;
  dense: { loss: number; accuracy?: number };
  cells: readonly SensitivityCell[];
  /** Layers that cannot be patched, with the reason. */
  left: readonly { layer: string; reason: string }[];
}

/**
 * Makes the report of `tessera sensitivity`: a heat map and a table of all cells in one HTML document.
 *
 * @example
 * const html = renderSensitivityReport({
 *   model: "runs/finetune",
 *   command: "tessera sensitivity runs/finetune",
 *   data: "3,000 test texts",
 *   recoverySteps: 0,
 *   blockSize: 8,
 *   dense: { loss: 0.61 },
 *   cells: [{ layer: "query", density: 0.5, realised: 0.5, loss: 0.64 }],
 *   left: [],
 * });
 */
export const renderSensitivityReport = (data: SensitivityReportData): string => {
  const { dense, cells, left, recoverySteps, blockSize } = data;
  const accuracyOf = dense.accuracy;
  const after = recoverySteps === 0 ? "one-shot, without any training" : `after ${recoverySteps} recovery steps`;
  const sign = (value: number): string => (value > 0 ? "+" : value < 0 ? "−" : "");
  return renderPage(
    "Tessera sensitivity",
    html`<h1>Which layers can be sparse?</h1>
      <p class="lead">
        One linear layer at a time is made block-sparse (blocks of ${blockSize}), the others stay dense: ${after}.
      </p>
      ${renderTiles([
        { value: dense.loss.toFixed(4), label: "loss of the dense model" },
        ...(accuracyOf === undefined
          ? []
          : [{ value: formatPercent(accuracyOf), label: "accuracy of the dense model" }]),
        { value: String(cells.length), label: "cells measured" },
      ])}
      <h2>Heat map</h2>
      ${renderHeatMap(
        cells.map(({ layer, density, loss }) => ({ layer, density, value: loss - dense.loss })),
        {
          title: "Loss added by making the layer sparse",
          format: (value) => `${sign(value)}${Math.abs(value).toFixed(3)}`,
        },
      )}
      <h2>Every cell</h2>
      <details>
        <summary>${cells.length} rows</summary>
        ${renderTable(
          [
            { title: "layer", value: ({ layer }) => layer },
            { title: "density asked", value: ({ density }) => String(density), numeric: true },
            { title: "realised", value: ({ realised }) => realised.toFixed(3), numeric: true },
            { title: "loss", value: ({ loss }) => loss.toFixed(4), numeric: true },
            ...(accuracyOf === undefined
              ? []
              : [
                  {
                    title: "accuracy",
                    value: ({ accuracy }: SensitivityCell) => (accuracy === undefined ? "–" : formatPercent(accuracy)),
                    numeric: true,
                  },
                ]),
          ],
          cells,
        )}
      </details>
      ${
        left.length === 0
          ? ""
          : html`<h2>Left dense</h2>
              ${renderTable(
                [
                  { title: "layer", value: ({ layer }) => layer },
                  { title: "why", value: ({ reason }) => reason },
                ],
                left,
              )}`
      }
      <footer class="faint">Made by <code>${data.command}</code> on ${data.model}, evaluated on ${data.data}.</footer>`,
  );
};
