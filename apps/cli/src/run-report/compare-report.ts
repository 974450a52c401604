import { basename } from "node:path";
import { formatCsv } from "../logs/format-csv.ts";
import { formatMarkdownTable } from "../logs/model-card.ts";
import { html } from "../report/markup.ts";
import { renderFacts } from "../report/render-facts.ts";
import { renderPage } from "../report/render-page.ts";
import { renderPareto, type ParetoPoint } from "../report/render-pareto.ts";
import { renderTable } from "../report/render-table.ts";
import { paretoFront } from "../sweep-report/pareto.ts";
import { estimate, type Estimate } from "../sweep-report/statistics.ts";
import type { Figure } from "../sweep-report/sweep-figures.ts";
import type { Report } from "../sweep-report/sweep-report.ts";
import { formatCount } from "../terminal/format.ts";
import { formatTextTable } from "../terminal/format-text-table.ts";
import { drawRunCurves } from "./run-curves.ts";
import type { Run } from "./read-run.ts";

/** Settings by which runs of one kind differ. */
const OF_ONE_KIND = new Set(["seed"]);

/** Runs that differ in nothing but the seed. */
interface Kind {
  name: string;
  runs: Run[];
}

/** Groups runs, and names each group by the settings in which the groups differ. */
const groupRuns = (runs: readonly Run[]): Kind[] => {
  const names = [...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))].filter(
    (name) => !OF_ONE_KIND.has(name),
  );
  const differing = names.filter((name) => new Set(runs.map(({ settings }) => settings[name])).size > 1);
  const groups = new Map<string, Run[]>();
  for (const run of runs) {
    const key = JSON.stringify(names.map((name) => run.settings[name] ?? null));
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()].map((group) => {
    const { settings, folder } = group[0]!;
    const said = differing.flatMap((name) => (settings[name] === undefined ? [] : [`${name} ${settings[name]}`]));
    return { name: said.join(", ") || basename(folder), runs: group };
  });
};

/** The numbers that are compared, as far as runs have them. */
const MEASURES = ["loss", "accuracy", "parameters", "seconds"] as const;
type Measure = (typeof MEASURES)[number];

const estimateOf = ({ runs }: Kind, measure: Measure): Estimate | undefined => {
  const values = runs.flatMap(({ result }) => {
    const value = result[measure];
    return typeof value === "number" ? [value] : [];
  });
  return values.length === 0 ? undefined : estimate(values);
};

const showEstimate = (measure: Measure, found: Estimate | undefined): string => {
  if (!found) return "–";
  const scale = measure === "accuracy" ? 100 : 1;
  const digits = measure === "loss" ? 4 : measure === "accuracy" ? 2 : 1;
  const format = (value: number): string =>
    measure === "parameters" ? formatCount(value) : (scale * value).toFixed(digits);
  const half = (found.high - found.low) / 2;
  return `${format(found.mean)}${half > 0 ? ` ± ${format(half)}` : ""}`;
};

const titles: Readonly<Record<Measure, string>> = {
  loss: "loss",
  accuracy: "accuracy, %",
  parameters: "parameters",
  seconds: "seconds of training",
};

const drawFront = (kinds: readonly Kind[]): Figure[] => {
  const models = kinds.flatMap((kind) => {
    const [score, cost] = [estimateOf(kind, "accuracy")?.mean, estimateOf(kind, "parameters")?.mean];
    const isSparse = kind.runs.some(({ after }) => after.length > 0);
    return score === undefined || cost === undefined
      ? []
      : [{ kind: isSparse ? ("sparse" as const) : ("dense" as const), score: 100 * score, cost }];
  });
  if (models.length < 2) return [];
  const front = new Set(
    (["sparse", "dense"] as const).flatMap((kind) =>
      paretoFront(
        models.filter((model) => model.kind === kind),
        ({ cost }) => cost,
      ),
    ),
  );
  const title = "Accuracy against parameters";
  const points: ParetoPoint[] = models.map((model) => ({ ...model, isFront: front.has(model) }));
  return [{ title, markup: renderPareto(points, { title, costLabel: "parameters", scoreLabel: "accuracy, %" }) }];
};

/** Puts runs side by side: those that differ in nothing but the seed are one line, with a 95 % interval over seeds. */
export const createCompareReport = (runs: readonly Run[], command: string): Report => {
  const kinds = groupRuns(runs);
  const measured = MEASURES.filter((measure) => kinds.some((kind) => estimateOf(kind, measure)));
  const figures = [
    ...drawRunCurves(kinds.map(({ name, runs: own }) => ({ name, logs: own.map(({ log }) => log) }))),
    ...drawFront(kinds),
  ];
  const columns = [
    { title: "runs", value: ({ name }: Kind) => name },
    { title: "seeds", value: (kind: Kind) => String(kind.runs.length), numeric: true },
    ...measured.map((measure) => ({
      title: titles[measure],
      value: (kind: Kind) => showEstimate(measure, estimateOf(kind, measure)),
      numeric: true,
    })),
  ];
  const facts: [string, string][] = [
    ["made by", command],
    ...runs.map(({ folder, command: begun }): [string, string] => [folder, begun ?? "unknown command"]),
  ];
  const note = "± is half of the 95 % interval (Student's t) over seeds; one seed has none.";
  return {
    html: renderPage(
      "Tessera runs",
      html`<h1>${runs.length} runs side by side</h1>
        ${renderFacts(facts)} ${renderTable(columns, kinds)}
        <p class="faint">${note}</p>
        <h2>Curves</h2>
        <div class="charts">${figures.map(({ markup }) => markup)}</div>`,
    ),
    markdown: `# ${runs.length} runs side by side\n\n${facts.map(([name, value]) => `- ${name}: ${value}\n`).join("")}\n${formatMarkdownTable(
      columns.map(({ title }) => title),
      kinds.map((kind) => columns.map(({ value }) => value(kind))),
    )}\n${note}\n`,
    figures,
    csv: formatCsv(
      ["folder", "group", "seed", ...measured],
      kinds.flatMap(({ name, runs: own }) =>
        own.map(({ folder, settings, result }) => [
          folder,
          name,
          settings["seed"],
          ...measured.map((measure) => result[measure]),
        ]),
      ),
    ),
    lines: [...formatTextTable(columns, kinds), "", note],
  };
};
