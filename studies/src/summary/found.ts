import { estimate, type Estimate } from "@tessera/cli/internal/sweep-report/statistics";
import { denseOf, nameCell, type Cell, type Task } from "../cell.ts";
import type { Row } from "../measured.ts";
import type { Rows } from "../rows.ts";
import { PRETRAINING_SEEDS } from "../checkpoints.ts";

/** Cells that differ in their seed alone, and what was measured of them. */
export interface Group {
  readonly first: Cell;
  /** Seeds that the study asks for. */
  readonly planned: number;
  readonly found: readonly { readonly cell: Cell; readonly row: Row }[];
}

/** Its name without the seed of its pre-training. */
export const familyOf = (model: string): string => model.replace(/^(main|deep\d+|wide\d+|demo)-\d+/, "$1");

const keyOf = (cell: Cell): string => nameCell({ ...cell, model: familyOf(cell.model), seed: 0 });

/** A study's cells by what they are apart from the seed, in the study's order. */
export const groupCells = (cells: readonly Cell[], rows: Rows): Group[] => {
  const groups = new Map<string, Cell[]>();
  for (const cell of cells) groups.set(keyOf(cell), [...(groups.get(keyOf(cell)) ?? []), cell]);
  return [...groups.values()].map((group) => ({
    first: group[0]!,
    planned: group.length,
    found: group.flatMap((cell) => {
      const row = rows.get(nameCell(cell));
      return row ? [{ cell, row }] : [];
    }),
  }));
};

/** The dense cell beside which a cell stands: its own model's, or, of another dense model, the main model's of the same seed. */
export const referenceOf = (cell: Cell): Cell | undefined => {
  if (cell.sparse) return denseOf(cell);
  const family = familyOf(cell.model);
  if (cell.model === "naive Bayes" || ["main", "demo"].includes(family)) return undefined;
  if (cell.task === "maskedLM") return undefined;
  return { ...denseOf(cell), model: `main-${cell.seed % PRETRAINING_SEEDS.length}` };
};

/** Points of accuracy of a classification, nats of loss of a masked language model: more is better of the one, less of the other. */
export const scoreOf = (task: Task, { accuracy, loss }: Row): number => (task === "maskedLM" ? loss! : 100 * accuracy!);

export const digitsOf = (task: Task): number => (task === "maskedLM" ? 3 : 2);

/** The differences to dense of each seed that has both. */
export const differencesOf = ({ found }: Group, rows: Rows): number[] =>
  found.flatMap(({ cell, row }) => {
    const reference = referenceOf(cell);
    const dense = reference && rows.get(nameCell(reference));
    return dense ? [scoreOf(cell.task, row) - scoreOf(cell.task, dense)] : [];
  });

export const meanScore = ({ first, found }: Group): Estimate =>
  estimate(found.map(({ row }) => scoreOf(first.task, row)));

const CRITERIA: Readonly<Record<string, string>> = {
  activationWeighted: "activation-weighted (Wanda)",
  magnitudeL1: "magnitude, L1",
};

const WHEN = {
  before: "before the training",
  after: "after the training, nothing recovers",
  oneShot: "at once in its course",
  cubic: "gradual",
} as const;

const FAMILIES: Readonly<Record<string, string>> = {
  main: "dense",
  "main-more": "dense, pre-trained further",
  "main-static": "sparse before a further pre-training",
  "main-gradual": "gradually sparse in a further pre-training",
  "main-taught": "gradually sparse in a further pre-training, with a teacher",
  demo: "2 layers, briefly pre-trained: dense",
};

const SHAPES: readonly (readonly [RegExp, string])[] = [
  [/^deep(\d+)$/, "dense of $1 layers"],
  [/^wide(\d+)$/, "dense, $1 wide"],
  [/^scratch([\d.]+)-\d+$/, "pre-trained at $1 from scratch"],
  [/^(muon|adamw)Dense-\d+$/, "$1 from scratch, dense"],
  [/^(muon|adamw)([\d.]+)-\d+$/, "$1 from scratch, $2"],
];

const nameModel = (family: string): string =>
  FAMILIES[family] ?? SHAPES.reduce((name, [shape, words]) => name.replace(shape, words), family);

/** What a group is, for a table of a task. */
export const labelOf = ({ model, sparse, taught, steps }: Cell): string => {
  const family = familyOf(model);
  if (!sparse) return nameModel(family);
  const { layers, density, blockSize, by, when, scope, dynamic, shared } = sparse;
  const time = steps === 0 ? "one-shot" : dynamic === "set" ? "SET" : dynamic === "rigl" ? "RigL" : WHEN[when];
  return [
    family === "main"
      ? ""
      : nameModel(family)
          .replace(/^dense of (\d+) layers$/, "$1 layers:")
          .replace(/: dense$/, ":"),
    typeof layers === "string" ? (layers === "all" ? "all linear," : "") : `${shortLayer(layers.layer)},`,
    `${density}${blockSize === 8 ? "" : ` in blocks of ${blockSize}`},`,
    dynamic === "movement" ? "movement" : (CRITERIA[by] ?? by),
    ...(shared ? [`(${shared})`] : []),
    ...(time ? [`, ${time}`] : []),
    ...(scope === "global" ? [", global"] : []),
    ...(taught ? [", with a teacher"] : []),
  ]
    .filter((part) => part !== "")
    .join(" ")
    .replaceAll(" ,", ",");
};

/** `roberta.encoder.layer.0.attention.self.query` is `0 attention.self.query`. */
export const shortLayer = (name: string): string => name.replace(/^roberta\.encoder\.layer\./, "").replace(".", " ");
