import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

/**
 * What went wrong in earlier block-sparse libraries, and the test here that would catch it. Titles are looked for in the files, so
 * that the list cannot outlive its tests.
 */
const traps: readonly (readonly [symptom: string, file: string, title: string])[] = [
  // ---- patterns
  ["layouts come from a global generator and cannot be repeated", "layout", "follows from its seed alone"],
  [
    "a layer's layout cannot be repeated",
    "layer",
    "draws layouts and weights again from the same seed, and others from the next draw",
  ],
  ["random layouts leave outputs constant", "layout", "leaves no row or column empty: "],
  [
    "blocks chosen by score leave outputs constant",
    "select",
    "leaves no row or column empty and takes exactly as many as asked",
  ],
  ["no mask of one's own", "layout", "gives the mask back, from nested and flat ones"],
  // ---- weights
  [
    "weights start as N(0, 1), whatever the fan-in",
    "layer",
    "starts each row within ±1/√n of the inputs it sees, and has no weight outside",
  ],
  [
    "patching takes the first elements of the weight, not its blocks",
    "patching",
    "keeps the best blocks where they are, with their values",
  ],
  ["patching rescales what it keeps", "layer", "keeps blocks of a dense layer where they are, on "],
  ["density 1 is not the dense layer", "patching", "with density 1 reproduces the dense model"],
  // ---- kernels
  ["other block sizes than 32 give garbage, or dense compute", "multiply", "are stored blocks × b² × tokens: "],
  ["forward is right and a gradient is wrong", "products", "input gradient"],
  [
    "a gradient of the dense weight's size is made, or a dense copy of the weight",
    "training",
    "is never of the dense weight's size in a step of a patched layer",
  ],
  [
    "outputs are transposed views, and gradients copy them",
    "layer",
    "gives contiguous outputs and gradients, whatever the input's strides",
  ],
  ["views as inputs give wrong results", "products", ", views"],
  [
    "a weight gradient that is all zero ends the training",
    "layer",
    "trains through a gradient that is zero everywhere",
  ],
  ["no block at all crashes", "products", "no block at all"],
  ["one token, or none, gives garbage", "products", "no token"],
  ["sizes that the block does not divide are refused, or wrong", "products", "ragged"],
  [
    "what sticks out of a ragged matrix is learned, and counted",
    "layer",
    "counts only what lies inside a ragged matrix",
  ],
  ["only one device works", "products", "products on "],
  // ---- moving blocks
  [
    "new blocks all start with one constant",
    "regrow",
    "starts new blocks as in a new layer when asked: not all with one number",
  ],
  [
    "of several optimisers only the first is told of moved blocks",
    "regrow",
    "moves the weakest blocks and keeps the others, with their moments, on ",
  ],
  [
    "of several optimisers only the first is told of patched layers",
    "patching",
    "reaches every optimiser that is given, not the first alone",
  ],
  ["fewer free places than blocks to move crashes", "regrow", "moves no more blocks than there are free places"],
  // ---- the patcher
  ["no block size can be chosen", "plan", "says what would come of it, and changes nothing"],
  ["a layer that cannot be patched leaves the model half patched", "patching", "changes all layers or none"],
  ["layer.1 also hits layer.10", "plan", "match whole paths: layer.1 is not layer.10"],
  [
    "a pattern that matches nothing is silent beside one that does",
    "plan",
    "a pattern that matches nothing, beside one that does",
  ],
  ["no exclusion", "plan", "leave out what is excluded"],
  ["tied weights are torn apart", "plan", "tied weights"],
  ["one layer in two places is patched in one", "plan", "one layer in two places"],
  ["a module that is no linear layer", "plan", "modules that are not linear layers, each by its name"],
  ["nothing says what was done", "plan", "prints a table with the realised density beside the one asked for"],
  // ---- checkpoints
  [
    "a patched checkpoint loads into a dense model, and the layers start anew",
    "checkpoint",
    "is no checkpoint of a dense model: loading one says so, with names",
  ],
  ["a checkpoint of another density loads", "checkpoint", "of another density does not load, and says so"],
  [
    "values of another layout land in the wrong places",
    "checkpoint",
    "of another layout with as many blocks does not load, and says so",
  ],
  ["patching must be repeated by hand to load", "checkpoint", "rebuilds the model without patching by hand"],
  // ---- tests that prove nothing
  [
    "training is never compared with a dense reference, step by step",
    "training",
    "goes 40 AdamW steps with a masked dense layer: ",
  ],
  ["PyTorch says something else", "golden", "block_sparse_linear of PyTorch"],
];

const files: { readonly [file: string]: string } = {
  layout: "../../packages/sparse/src/block-layout.test.ts",
  select: "../../packages/sparse/src/patterns/select-blocks.test.ts",
  layer: "block-sparse-linear.test.ts",
  products: "products.test.ts",
  multiply: "multiply-adds.test.ts",
  training: "training.test.ts",
  regrow: "regrow.test.ts",
  plan: "model-patcher.test.ts",
  patching: "patching.test.ts",
  checkpoint: "checkpoint.test.ts",
  golden: "golden.test.ts",
};

describe("each known trap has a test", () => {
  it.each(traps)("%s", (_, file, title) => {
    expect(readFileSync(new URL(files[file]!, import.meta.url), "utf8")).toContain(title);
  });
});
