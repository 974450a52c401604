import type { AllocationMethod, CriterionName, LayoutName } from "@tessera/sparse";

/** Layers that are sparse together: the article's three patterns, every linear layer of the encoder, layers of one kind, or one layer by its path. */
export type LayerSet = "article" | "all" | { readonly layer: string };

/** Densities that a study of single layers leads to, for the same number of parameters as one density for all. */
export type SharedBy = AllocationMethod | "evolutionary";

/** When blocks go: before the training, after it (nothing recovers), or in its course. */
export type When = "before" | "after" | "oneShot" | "cubic";

export interface Sparsity {
  readonly layers: LayerSet;
  readonly density: number;
  readonly blockSize: number;
  /** Which blocks stay. */
  readonly by: CriterionName;
  readonly layout?: LayoutName;
  readonly when: When;
  /** What competes with what, where blocks go in the course of the training. */
  readonly scope?: "layer" | "global";
  /** Which blocks move while it trains; `movement` learns their scores. */
  readonly dynamic?: "set" | "rigl" | "movement";
  /** How the density is shared out among the layers; one for all, unless given. */
  readonly shared?: SharedBy;
}

/** A masked language model that cells begin with. */
export interface Checkpoint {
  readonly name: string;
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly seed: number;
  readonly tokens: number;
  readonly batchSize: number;
  readonly optimizer: "muon" | "adamw";
  /** The checkpoint whose training goes on, at half the learning rate. */
  readonly from?: string;
  readonly sparse?: Sparsity;
  /** Whether the dense checkpoint teaches it. */
  readonly taught?: boolean;
}

/** What a model is tested on. */
export type Task = "maskedLM" | GlossTask;
/** Classes and labels of each. */
export type GlossTask = `glosses${6 | 10}x${number}`;

/** What is measured in one go. Plain data; equal cells are measured once, whichever studies have them. */
export interface Cell {
  /** The checkpoint, or "naive Bayes", which has none. */
  readonly model: string;
  readonly task: Task;
  readonly sparse?: Sparsity;
  /** Of training; 0 is none. */
  readonly steps: number;
  /** Whether the dense model of this cell teaches it. */
  readonly taught?: boolean;
  /** Of the labels, the order, the new head, and whatever is drawn. */
  readonly seed: number;
}

/** A study: a question, and the cells whose rows answer it. */
export interface Study {
  readonly title: string;
  readonly question: string;
  readonly cells: readonly Cell[];
}

const nameLayers = (layers: LayerSet): string => (typeof layers === "string" ? layers : layers.layer);

/** A sparsity in words, by everything that it consists of. */
export const nameSparsity = ({
  layers,
  density,
  blockSize,
  by,
  layout,
  when,
  scope,
  dynamic,
  shared,
}: Sparsity): string =>
  [nameLayers(layers), density, `b${blockSize}`, by, layout, when, scope, dynamic, shared]
    .filter((part) => part !== undefined)
    .join(" ");

/** What tells a cell from every other, and is the same in every process. */
export const nameCell = ({ model, task, sparse, steps, taught, seed }: Cell): string =>
  [
    model,
    task,
    sparse ? nameSparsity(sparse) : "dense",
    `${steps} steps`,
    ...(taught ? ["taught"] : []),
    `s${seed}`,
  ].join("/");

/** The dense cell that a cell is compared with, and that teaches it. */
export const denseOf = ({ sparse: _, taught: __, ...cell }: Cell, steps = cell.steps): Cell => ({ ...cell, steps });

/** Classes and labels a class. */
export const readTask = (task: GlossTask): { readonly classes: 6 | 10; readonly labels: number } => {
  const [, classes, labels] = /^glosses(6|10)x(\d+)$/.exec(task)!;
  return { classes: Number(classes) as 6 | 10, labels: Number(labels) };
};
