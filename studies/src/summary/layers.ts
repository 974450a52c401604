import { estimate, type Estimate } from "@tessera/cli/internal/sweep-report/statistics";
import { nameCell, type Cell } from "../cell.ts";
import type { Rows } from "../rows.ts";
import { referenceOf, scoreOf, shortLayer } from "./found.ts";
import { table, withInterval } from "./tables.ts";

/** A way to make one layer sparse, and all of them: what of the study of single layers is compared. */
export interface Way {
  readonly title: string;
  readonly unit: "loss" | "accuracy";
  readonly takes: (cell: Cell) => boolean;
}

export const WAYS: readonly Way[] = [
  {
    title: "Loss added one-shot, by magnitude",
    unit: "loss",
    takes: ({ task, steps, sparse }) => task === "maskedLM" && steps === 0 && sparse?.by === "magnitude",
  },
  {
    title: "Loss added one-shot, random blocks",
    unit: "loss",
    takes: ({ task, steps, sparse }) => task === "maskedLM" && steps === 0 && sparse?.by === "random",
  },
  {
    title: "Loss added after recovery, by magnitude",
    unit: "loss",
    takes: ({ task, steps }) => task === "maskedLM" && steps > 0,
  },
  {
    title: "Points of accuracy lost, the fine-tuned model made sparse",
    unit: "accuracy",
    takes: ({ task, sparse }) => task !== "maskedLM" && sparse?.when === "after",
  },
  {
    title: "Points of accuracy lost, made sparse before the fine-tuning",
    unit: "accuracy",
    takes: ({ task, sparse }) => task !== "maskedLM" && sparse?.when === "before",
  },
];

/** What sparsity costs: loss added, or points lost. */
export interface Cost {
  /** A layer's short name, or `all`. */
  readonly layer: string;
  readonly density: number;
  readonly seed: number;
  readonly value: number;
}

export const costsOf = ({ unit, takes }: Way, cells: readonly Cell[], rows: Rows): Cost[] =>
  cells.flatMap((cell) => {
    const { sparse, task, seed } = cell;
    if (!sparse || !takes(cell)) return [];
    const [row, dense] = [rows.get(nameCell(cell)), rows.get(nameCell(referenceOf(cell)!))];
    if (!row || !dense) return [];
    const added = scoreOf(task, row) - scoreOf(task, dense);
    const layer = typeof sparse.layers === "object" ? shortLayer(sparse.layers.layer) : "all";
    return [{ layer, density: sparse.density, seed, value: unit === "loss" ? added : -added }];
  });

const distinct = <Value>(values: readonly Value[]): Value[] => [...new Set(values)];
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The costs of single layers added up beside the cost of all together, over the seeds that have every layer and all. */
export const additivityOf = (
  costs: readonly Cost[],
): { readonly density: number; readonly alone: Estimate; readonly together: Estimate }[] => {
  const layers = distinct(costs.map(({ layer }) => layer)).filter((layer) => layer !== "all");
  return distinct(costs.map(({ density }) => density)).flatMap((density) => {
    const own = costs.filter((cost) => cost.density === density);
    const seeds = distinct(own.map(({ seed }) => seed)).filter(
      (seed) => own.filter((cost) => cost.seed === seed).length === layers.length + 1,
    );
    if (seeds.length === 0) return [];
    const of = (seed: number, all: boolean): number =>
      sum(own.filter((cost) => cost.seed === seed && (cost.layer === "all") === all).map(({ value }) => value));
    return [
      {
        density,
        alone: estimate(seeds.map((seed) => of(seed, false))),
        together: estimate(seeds.map((seed) => of(seed, true))),
      },
    ];
  });
};

/** The mean over seeds of each layer at each density. */
export const meansOf = (costs: readonly Cost[]): { layer: string; density: number; value: number }[] =>
  distinct(costs.map(({ layer }) => layer))
    .filter((layer) => layer !== "all")
    .flatMap((layer) =>
      distinct(costs.map(({ density }) => density)).flatMap((density) => {
        const own = costs.filter((cost) => cost.layer === layer && cost.density === density);
        return own.length === 0 ? [] : [{ layer, density, value: estimate(own.map(({ value }) => value)).mean }];
      }),
    );

/** By kind of layer, and by depth: the mean over the layers and seeds. */
const groupTable = (
  costs: readonly Cost[],
  head: string,
  nameOf: (layer: string) => string,
  digits: number,
): string => {
  const single = costs.filter(({ layer }) => layer !== "all");
  const densities = distinct(single.map(({ density }) => density));
  const names = distinct(single.map(({ layer }) => nameOf(layer)));
  return table(
    [head, ...densities.map(String)],
    names.map((name) => [
      name,
      ...densities.map((density) => {
        const own = single.filter((cost) => nameOf(cost.layer) === name && cost.density === density);
        return own.length === 0 ? "" : estimate(own.map(({ value }) => value)).mean.toFixed(digits);
      }),
    ]),
  );
};

/** The tables of the study of single layers. */
export const layerTables = (cells: readonly Cell[], rows: Rows): string =>
  WAYS.flatMap((way) => {
    const costs = costsOf(way, cells, rows);
    if (costs.length === 0) return [];
    const digits = way.unit === "loss" ? 3 : 2;
    const seeds = distinct(costs.map(({ seed }) => seed)).length;
    const additivity = additivityOf(costs);
    return [
      [
        `### ${way.title}`,
        `Seeds: ${seeds}. Means over layers and seeds, each layer sparse by itself, by density.`,
        groupTable(costs, "kind of layer", (layer) => layer.replace(/^\d+ /, ""), digits),
        groupTable(costs, "layer of the encoder", (layer) => layer.split(" ")[0]!, digits),
        ...(additivity.length === 0
          ? []
          : [
              table(
                ["density", "sum of the layers alone", "all together"],
                additivity.map(({ density, alone, together }) => [
                  String(density),
                  withInterval(alone, digits),
                  withInterval(together, digits),
                ]),
              ),
            ]),
      ].join("\n\n"),
    ];
  }).join("\n\n");
