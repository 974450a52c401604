import { modelTitles, type ModelKind } from "./model-titles.ts";
import { texts, type TextName } from "./texts.ts";

/** What is trained, on what, and where: all that a link carries, beside the sparsity. */
export interface Configuration {
  readonly text: TextName;
  readonly model: ModelKind;
  /** From the checkpoint that comes with the page, or from random weights. */
  readonly start: "checkpoint" | "scratch";
  /** Sizes of a model from scratch. */
  readonly layers: number;
  readonly hidden: number;
  readonly vocab: number;
  readonly device: "cpu" | "webgpu";
  /** Learning rate. */
  readonly lr: number;
  readonly batch: number;
}

export const defaultConfiguration: Configuration = {
  text: "wordnet",
  model: "roberta",
  start: "checkpoint",
  layers: 2,
  hidden: 128,
  vocab: 2048,
  device: "cpu",
  lr: 2e-4,
  batch: 8,
};

/** What can be chosen; a link with anything else is read as the default. */
export const choices = {
  text: Object.keys(texts) as TextName[],
  model: Object.keys(modelTitles) as ModelKind[],
  start: ["checkpoint", "scratch"],
  layers: [1, 2, 3, 4],
  hidden: [64, 128, 192, 256],
  vocab: [512, 1024, 2048, 4096],
  device: ["cpu", "webgpu"],
  lr: [1e-4, 2e-4, 5e-4, 1e-3, 2e-3],
  batch: [4, 8, 16, 32],
} as const satisfies { readonly [K in keyof Configuration]: readonly Configuration[K][] };
