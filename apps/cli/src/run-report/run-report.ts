import { formatLogCsv } from "../logs/format-log-csv.ts";
import { formatMarkdownTable } from "../logs/model-card.ts";
import { html, type Markup } from "../report/markup.ts";
import { renderBlockMosaic, type BlockMosaicData } from "../report/render-block-mosaic.ts";
import { renderFacts } from "../report/render-facts.ts";
import { renderPage, renderTiles } from "../report/render-page.ts";
import { renderTable } from "../report/render-table.ts";
import { shortenLayer } from "../sweep-report/sweep-cells.ts";
import type { Report } from "../sweep-report/sweep-report.ts";
import { formatBytes, formatCount, formatDuration, formatPercent } from "../terminal/format.ts";
import { formatTextTable } from "../terminal/format-text-table.ts";
import { drawRunCurves } from "./run-curves.ts";
import type { Run } from "./read-run.ts";

/** Layers whose blocks are drawn. */
const MAX_MOSAICS = 12;

/** How a number of a result is shown. */
const show = (name: string, value: string | number): string => {
  if (typeof value === "string") return value;
  if (name === "accuracy") return formatPercent(value, 2);
  if (name === "seconds") return formatDuration(value);
  return Number.isInteger(value) ? formatCount(value) : value.toPrecision(5);
};

const densityOf = ({ shape, blockSize, colIndices }: BlockMosaicData): number =>
  colIndices.length / (Math.ceil(shape[0] / blockSize) * Math.ceil(shape[1] / blockSize));

const shorten = (layer: BlockMosaicData, suffix: string): BlockMosaicData => ({
  ...layer,
  name: `${shortenLayer(layer.name)}${suffix}`,
});

/** The blocks of each layer after the training, beside those before it where they differ. */
const renderMosaics = ({ before, after }: Run): Markup | "" => {
  if (after.length === 0) return "";
  const pairs = after.slice(0, MAX_MOSAICS).map((layer) => {
    const old = before.find(({ name }) => name === layer.name);
    return html`<div class="pair">
      ${old ? renderBlockMosaic(shorten(old, ", before")) : ""}
      ${renderBlockMosaic(shorten(layer, old ? ", after" : ""))}
    </div>`;
  });
  const more = after.length > MAX_MOSAICS ? ` The first ${MAX_MOSAICS} of ${after.length} layers.` : "";
  return html`<h2>Blocks</h2>
    <p class="faint">
      Stored blocks of the sparse layers, darker for larger norms: before the first step and after the last.${more}
    </p>
    <div class="mosaics">${pairs}</div>`;
};

const factsOf = ({ command, settings, result, bytes }: Run): [string, string][] => [
  ["command", command ?? "unknown: an older version began the run"],
  ...Object.entries(settings).map(([name, value]): [string, string] => [name, String(value)]),
  ...(typeof result["machine"] === "string" ? [["machine", result["machine"]] as [string, string]] : []),
  ...(bytes === undefined ? [] : [["weights", formatBytes(bytes)] as [string, string]]),
];

const scoresOf = ({ result }: Run): [string, string][] =>
  Object.entries(result)
    .filter(([name]) => name !== "machine")
    .map(([name, value]) => [name, show(name, value)]);

/** Evaluations of a run as rows of a table. */
const evaluationsOf = ({ log }: Run): { step: number; loss: number; accuracy: number | undefined }[] =>
  log.flatMap(({ event, step, loss, accuracy }) =>
    event === "eval" && typeof loss === "number"
      ? [{ step, loss, accuracy: typeof accuracy === "number" ? accuracy : undefined }]
      : [],
  );

/** Makes the report of one run: curves, blocks before and after, evaluations, and all settings. */
export const createRunReport = (run: Run): Report => {
  const figures = drawRunCurves([{ name: "run", logs: [run.log] }]);
  const scores = scoresOf(run);
  const evaluations = evaluationsOf(run);
  const facts = factsOf(run);
  const columns = ["step", "loss", "accuracy"] as const;
  const cells = evaluations.map(({ step, loss, accuracy }) => [
    formatCount(step),
    loss.toFixed(4),
    accuracy === undefined ? "–" : formatPercent(accuracy, 2),
  ]);
  const table = (c: number) => ({
    title: columns[c]!,
    value: (row: readonly string[]) => row[c]!,
    numeric: true,
  });
  const page = renderPage(
    "Tessera run",
    html`<h1>${run.folder}</h1>
      ${renderFacts(facts)}
      ${scores.length === 0 ? html`<p>The run is not finished.</p>` : renderTiles(scores.filter(([name]) => name !== "stopReason").map(([label, value]) => ({ label, value })))}
      ${typeof run.result["stopReason"] === "string" ? html`<p>Ended early: ${run.result["stopReason"]}.</p>` : ""}
      <h2>Curves</h2>
      <div class="charts">${figures.map(({ markup }) => markup)}</div>
      ${renderMosaics(run)}
      ${
        cells.length === 0
          ? ""
          : html`<h2>Evaluations</h2>
              ${renderTable([table(0), table(1), table(2)], cells)}`
      }`,
  );
  const layers = run.after.map((layer) => [shortenLayer(layer.name), densityOf(layer).toFixed(3)] as const);
  return {
    html: page,
    figures,
    csv: formatLogCsv(run.log),
    markdown: [
      `# ${run.folder}\n\n${facts.map(([name, value]) => `- ${name}: ${value}\n`).join("")}`,
      ...(scores.length > 0 ? [formatMarkdownTable(["measure", "value"], scores)] : []),
      ...(layers.length > 0 ? [formatMarkdownTable(["layer", "density"], layers)] : []),
      ...(cells.length > 0 ? [formatMarkdownTable([...columns], cells)] : []),
    ].join("\n"),
    lines: [
      run.folder,
      ...scores.map(([name, value]) => `${name}: ${value}`),
      ...(cells.length === 0 ? [] : ["", ...formatTextTable([table(0), table(1), table(2)], cells)]),
      ...(layers.length === 0
        ? []
        : [
            "",
            ...formatTextTable(
              [
                { title: "layer", value: ([name]: readonly [string, string]) => name },
                { title: "density", value: ([, density]) => density, numeric: true },
              ],
              layers,
            ),
          ]),
    ],
  };
};
