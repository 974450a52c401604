import {
  renderAdditivity,
  renderDivergingHeatMap,
  renderHeatMap,
  renderPareto,
  type Markup,
} from "@tessera/cli/report";
import { paretoFront } from "@tessera/cli/internal/sweep-report/pareto";
import { estimate } from "@tessera/cli/internal/sweep-report/statistics";
import { nameCell, type Cell, type GlossTask, type Sparsity } from "../cell.ts";
import type { Rows } from "../rows.ts";
import { nameTiming, DENSE } from "../time-models.ts";
import { differencesOf, familyOf, groupCells, labelOf, referenceOf, scoreOf } from "./found.ts";
import { additivityOf, costsOf, meansOf, WAYS } from "./layers.ts";
import { signed } from "./tables.ts";

/** A picture of a page: its file, what it shows, and the figure. */
export interface Picture {
  readonly file: string;
  readonly caption: string;
  readonly figure: Markup;
}

/** Labels are cut at 40 characters. */
const SHORTER: readonly (readonly [RegExp, string])[] = [
  [/^0\.5, /, ""],
  [/activation-weighted \(Wanda\)/, "Wanda"],
  [/^(.*) before a further pre-training/, "further pre-training: $1"],
  [/^(.*) in a further pre-training/, "further pre-training: $1"],
  [/gradually sparse/, "gradual"],
  [/ the training/, ""],
  [/, nothing recovers/, ""],
  [/with a teacher/, "teacher"],
];

/** Differences to dense of every seed: methods by seeds, with their mean. */
export const seedsPicture = (cells: readonly Cell[], rows: Rows, task: GlossTask): Picture => {
  const groups = groupCells(
    cells.filter((cell) => cell.task === task && referenceOf(cell)),
    rows,
  ).filter(({ found }) => found.length > 1);
  const caption = `Points of accuracy beside dense of each seed, ${task.split("x")[1]} labels a class`;
  const figure = renderDivergingHeatMap(
    groups.flatMap((group) => {
      const row = SHORTER.reduce((label, [long, short]) => label.replace(long, short), labelOf(group.first));
      const differences = differencesOf(group, rows);
      return [
        ...differences.map((value, i) => ({ row, column: String(group.found[i]!.cell.seed), value })),
        { row, column: "mean", value: estimate(differences).mean },
      ];
    }),
    { title: caption, columnLabel: "seed", format: (value) => signed(value, 1), better: "higher" },
  );
  return { file: `seeds-${task}`, caption, figure };
};

/** What each layer costs, one-shot and recovered, and whether the costs add up. */
export const layerPictures = (cells: readonly Cell[], rows: Rows): Picture[] => {
  const [shot, , recovered] = WAYS.map((way) => costsOf(way, cells, rows));
  const map = (file: string, caption: string, costs: typeof shot): Picture => ({
    file,
    caption,
    figure: renderHeatMap(meansOf(costs!), { title: caption, format: (value) => value.toFixed(3) }),
  });
  const points = [shot!, recovered!].flatMap((costs, i) =>
    additivityOf(costs).map(({ alone, together }) => ({
      series: i === 0 ? "one-shot" : "recovered",
      sum: alone.mean,
      together: together.mean,
      ...(together.count > 1 ? { low: together.low, high: together.high } : {}),
    })),
  );
  const caption =
    "Loss added by all layers together over the sum of each alone: blue one-shot, orange recovered; on the dashed line costs add up";
  return [
    map("layers-one-shot", "Masked-LM loss added by one layer alone, one-shot, by magnitude", shot),
    map("layers-recovered", "Masked-LM loss added by one layer alone, after recovery", recovered),
    { file: "layers-additivity", caption, figure: renderAdditivity(points, { title: caption }) },
  ];
};

/** Accuracy over the time of a forward pass, sparse models and smaller dense ones. */
export const timePicture = (cells: readonly Cell[], rows: Rows, task: GlossTask): Picture | undefined => {
  const models = groupCells(
    cells.filter((cell) => cell.task === task),
    rows,
  ).flatMap(({ first, found }) => {
    const { sparse, model } = first;
    const isMain = !sparse && familyOf(model) === "main";
    if (first.model === "naive Bayes" || /^main-\d+-/.test(model)) return [];
    // The same blocks are as quick however they were chosen.
    const { scope: _, dynamic: __, shared: ___, ...shape } = sparse ?? {};
    const time = rows.get(sparse ? nameTiming(DENSE, shape as Sparsity) : nameTiming(model.replace(/-\d+$/, "-0")));
    if (found.length === 0 || (!time && !isMain)) return [];
    const cost = time ? time.forwardMs! / time.denseForwardMs! : 1;
    const score = estimate(found.map(({ cell, row }) => scoreOf(cell.task, row))).mean;
    return [{ name: nameCell(first), kind: sparse ? ("sparse" as const) : ("dense" as const), cost, score }];
  });
  if (!models.some(({ kind, cost }) => kind === "dense" && cost < 1)) return undefined;
  const fronts = (["sparse", "dense"] as const).flatMap((kind) =>
    paretoFront(
      models.filter((model) => model.kind === kind),
      ({ cost }) => cost,
    ),
  );
  const caption = `Accuracy over the time of a forward pass, ${task.split("x")[1]} labels a class: blue dots block-sparse, orange squares dense`;
  const figure = renderPareto(
    models.map((model) => ({ ...model, isFront: fronts.includes(model) })),
    { title: caption, costLabel: "time of a forward pass, share of the dense model's", scoreLabel: "accuracy, %" },
  );
  return { file: "accuracy-over-time", caption, figure };
};
