import { Linear, Module, Sequential } from "@tessera/nn";
import { BlockSparseLinear, BlockSparseModelPatcher, PatchError, taylor, type PatchOptions } from "@tessera/sparse";
import { memory, tensor, type Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { snapshot, TinyEncoder } from "./tiny-encoder.ts";

const options = { density: 0.5, blockSize: 4 } satisfies PatchOptions;
const bothDense = /layer\.[0-9]+\.(intermediate|output)\.dense/;

/** What a patcher says to a model, which must stay as it was. */
const refuses = (
  patcher: BlockSparseModelPatcher,
  model: Module = new TinyEncoder({ layers: 2 }),
): readonly string[] => {
  const [before, bytes] = [snapshot(model), memory()["cpu"]!.bytes];
  for (const attempt of [() => patcher.plan(model), () => patcher.patchModel(model)]) {
    expect(attempt).toThrow(PatchError);
    expect(snapshot(model)).toBe(before);
    expect(memory()["cpu"]!.bytes).toBe(bytes);
  }
  let problems: readonly string[] = [];
  try {
    patcher.plan(model);
  } catch (error) {
    problems = (error as PatchError).problems;
    expect((error as PatchError).message).toContain(
      "patcher: expected patterns of layers that can be patched, nothing was changed; ",
    );
    for (const problem of problems) expect((error as PatchError).message).toContain(problem);
  }
  model.dispose();
  return problems;
};

const patcher = (pattern: RegExp | string, given: PatchOptions = options): BlockSparseModelPatcher =>
  new BlockSparseModelPatcher().addPattern(pattern, given);

describe("plan", () => {
  it("says what would come of it, and changes nothing", () =>
    withoutLeaks(() => {
      const model = new TinyEncoder({ layers: 2 });
      const before = snapshot(model);
      const plan = new BlockSparseModelPatcher()
        .addPattern(/layer\.[0-9]+\.intermediate\.dense/, { density: 0.3, blockSize: 8 })
        .addPattern("layer.1.output.dense", {
          density: 0.5,
          blockSize: 4,
          criterion: "random",
          balanced: true,
          seed: 3,
        })
        .plan(model);
      expect(snapshot(model)).toBe(before);
      expect(
        plan.layers.map(({ name, shape, recipe, layout }) => ({
          name,
          shape,
          recipe,
          blocks: layout.blocks,
          density: layout.density,
        })),
      ).toEqual([
        // 4 × 2 blocks; 0.3 of 8 rounds to 2, but every row has one.
        ...["layer.0.intermediate.dense", "layer.1.intermediate.dense"].map((name) => ({
          name,
          shape: [32, 16],
          recipe: { density: 0.3, criterion: "magnitude", balanced: false, seed: 0 },
          blocks: 4,
          density: 0.5,
        })),
        {
          name: "layer.1.output.dense",
          shape: [16, 32],
          recipe: { density: 0.5, criterion: "random", balanced: true, seed: 3 },
          blocks: 16,
          density: 0.5,
        },
      ]);
      expect(plan.layers[0]!.parameters).toEqual({ before: 32 * 16 + 32, after: 4 * 64 + 32 });
      expect(plan.layers[0]!.bytes).toEqual({ before: 4 * (32 * 16 + 32), after: 4 * (4 * 64 + 32 + 3 * 4 + 5 + 3) });
      const saved = 2 * (512 - 256) + (512 - 256);
      expect(plan.parameters).toEqual({ before: model.numParameters(), after: model.numParameters() - saved });
      model.dispose();
    }));

  it("prints a table with the realised density beside the one asked for", () => {
    const model = new TinyEncoder({ layers: 2 });
    const plan = patcher(/layer\.[0-9]+\.intermediate\.dense/, { density: 0.3, blockSize: 8 }).plan(model);
    expect(String(plan)).toBe(
      [
        "layer                       out × in  block  criterion  asked  density  parameters  bytes",
        "──────────────────────────  ────────  ─────  ─────────  ─────  ───────  ──────────  ─────────────",
        "layer.0.intermediate.dense  32 × 16   8      magnitude  0.3    0.5      544 → 288   2,176 → 1,232",
        "layer.1.intermediate.dense  32 × 16   8      magnitude  0.3    0.5      544 → 288   2,176 → 1,232",
        "2 layers; parameters of the model: 2,432 → 1,920 (78.9 %)",
      ].join("\n"),
    );
    model.dispose();
  });

  it("counts what lies inside a ragged layer", () => {
    const model = new Sequential(new Linear(10, 6));
    const plan = patcher("0", { density: 1, blockSize: 4 }).plan(model);
    expect(plan.layers[0]!.parameters).toEqual({ before: 66, after: 66 });
    expect(plan.layers[0]!.bytes.after).toBe(4 * (6 * 16 + 6 + 3 * 6 + 3 + 4));
    model.dispose();
  });

  it("lists the layers that can be patched, with patterns that match them", () => {
    const model = new TinyEncoder({ layers: 2 });
    const layers = new BlockSparseModelPatcher().patchableLayers(model);
    // embed and head.decoder share a weight.
    expect(layers.map(({ name }) => name)).toEqual(
      [0, 1].flatMap((i) => [`layer.${i}.intermediate.dense`, `layer.${i}.output.dense`]),
    );
    expect(layers[1]).toMatchObject({
      shape: [16, 32],
      parameters: 16 * 32 + 16,
      pattern: /layer\.[0-9]+\.output\.dense/,
    });
    expect(
      patcher(layers[1]!.pattern)
        .plan(model)
        .layers.map(({ name }) => name),
    ).toEqual(["layer.0.output.dense", "layer.1.output.dense"]);
    model.dispose();
  });
});

describe("patterns", () => {
  it("match whole paths: layer.1 is not layer.10", () => {
    const model = new TinyEncoder();
    const names = (pattern: RegExp | string): string[] =>
      patcher(pattern)
        .plan(model)
        .layers.map(({ name }) => name);
    expect(names(/layer\.1\.output\.dense/)).toEqual(["layer.1.output.dense"]);
    expect(names("layer.1.output.dense")).toEqual(["layer.1.output.dense"]);
    expect(names(/layer\.(1|10)\.output\.dense/)).toEqual(["layer.1.output.dense", "layer.10.output.dense"]);
    // Alternatives bind to the whole pattern, and flags with a memory forget.
    expect(names(/layer\.2\.output\.dense|layer\.3\.output\.dense/g)).toEqual([
      "layer.2.output.dense",
      "layer.3.output.dense",
    ]);
    expect(names(/LAYER\.4\.output\.dense/i)).toEqual(["layer.4.output.dense"]);
    expect(() => names(/layer\.1/)).toThrow(/layer\.1 is not a Linear but a Layer/);
    expect(() => names(/dense/)).toThrow(/\/dense\/ matches no layer/);
    model.dispose();
    const row = new Sequential(...Array.from({ length: 12 }, () => new Linear(4, 4)));
    for (const pattern of [/1/, "1"])
      expect(
        patcher(pattern)
          .plan(row)
          .layers.map(({ name }) => name),
      ).toEqual(["1"]);
    row.dispose();
  });

  it("leave out what is excluded", () => {
    const model = new TinyEncoder({ layers: 3 });
    const names = (exclude: PatchOptions["exclude"] & {}): string[] =>
      patcher(bothDense, { ...options, exclude })
        .plan(model)
        .layers.map(({ name }) => name);
    expect(names(/.*\.output\.dense/)).toEqual([
      "layer.0.intermediate.dense",
      "layer.1.intermediate.dense",
      "layer.2.intermediate.dense",
    ]);
    expect(names([/layer\.[01]\..*/, "layer.2.output.dense"])).toEqual(["layer.2.intermediate.dense"]);
    model.dispose();
  });
});

describe("what cannot be patched is refused with names, and nothing is changed:", () => {
  it("a pattern that matches nothing, beside one that does", () => {
    expect(refuses(patcher(bothDense).addPattern(/encoder\..*/, options))).toEqual([
      "/encoder\\..*/ matches no layer; those that can be patched are layer.0.intermediate.dense, layer.0.output.dense, layer.1.intermediate.dense, layer.1.output.dense",
    ]);
  });

  it("a pattern of which everything is excluded", () => {
    expect(refuses(patcher("layer.0.output.dense", { ...options, exclude: /.*/ }))[0]).toMatch(
      /^"layer\.0\.output\.dense" matches no layer/,
    );
  });

  it("an exclusion that excludes nothing", () => {
    expect(refuses(patcher(bothDense, { ...options, exclude: /layer\.7\..*/ }))).toEqual([
      `/layer\\.7\\..*/ excludes nothing that ${String(bothDense)} matches`,
    ]);
  });

  it("no pattern at all", () => {
    expect(refuses(new BlockSparseModelPatcher())).toEqual(["no pattern was added"]);
  });

  it("modules that are not linear layers, each by its name", () => {
    expect(refuses(patcher(/layer\.0.*/))).toEqual([
      "layer.0 is not a Linear but a Layer; exclude it, or make the pattern narrower",
      "layer.0.intermediate is not a Linear but a Dense; exclude it, or make the pattern narrower",
      "layer.0.output is not a Linear but a Dense; exclude it, or make the pattern narrower",
    ]);
  });

  it("two patterns for one layer", () => {
    expect(refuses(patcher(bothDense).addPattern("layer.1.output.dense", options))).toEqual([
      `layer.1.output.dense matches ${String(bothDense)} and "layer.1.output.dense"`,
    ]);
  });

  it("tied weights", () => {
    expect(refuses(patcher("head.decoder").addPattern("embed", options))).toEqual([
      "head.decoder shares its weight with embed.weight; exclude it, or untie them",
      "embed shares its weight with head.decoder.weight; exclude it, or untie them",
    ]);
  });

  it("one layer in two places", () => {
    class Twice extends Module {
      readonly first = new Linear(8, 8);
      readonly second = this.first;
      forward(x: Tensor): Tensor {
        return this.second.forward(this.first.forward(x));
      }
    }
    expect(refuses(patcher("first"), new Twice())).toEqual([
      "first shares its weight with second.weight; exclude it, or untie them",
    ]);
  });

  it("layers smaller than a block", () => {
    expect(refuses(patcher(bothDense, { density: 0.5, blockSize: 20, exclude: /.*intermediate.*/ }))).toEqual([
      "layer.0.output.dense is 16 × 32, smaller than a block of 20; use a smaller blockSize, or exclude it",
      "layer.1.output.dense is 16 × 32, smaller than a block of 20; use a smaller blockSize, or exclude it",
    ]);
  });

  it("weights that are not numbers", () => {
    const model = new TinyEncoder({ layers: 2 });
    const { weight } = model.getSubmodule("layer.1.output.dense") as Linear;
    const values = weight.dataSync();
    values[5] = NaN;
    weight.assign(tensor(values, weight.shape));
    expect(refuses(patcher(bothDense), model)).toEqual([
      "layer.1.output.dense: its weight has 1 value that is not finite, first NaN at [0, 5]; train it anew, or load a checkpoint from before",
    ]);
  });

  it.each([
    ["magnitude", Infinity],
    ["random", NaN],
    ["random", -Infinity],
  ] as const)("weights that are not finite, by %s, in one layer of several", (criterion, value) => {
    const model = new TinyEncoder({ layers: 2 });
    const fresh = new TinyEncoder({ layers: 2 });
    const patch = patcher(bothDense, { ...options, criterion });
    const plan = patch.plan(fresh);
    const { weight } = model.getSubmodule("layer.1.output.dense") as Linear;
    const values = weight.dataSync();
    values[33] = value;
    values[34] = value;
    weight.assign(tensor(values, weight.shape));
    const why = `layer.1.output.dense: its weight has 2 values that are not finite, first ${value} at [1, 1]; train it anew, or load a checkpoint from before`;
    // A plan of another model of the same shape has not seen these weights.
    expect(() => patch.patchModel(model, plan)).toThrow(why);
    expect([...model.namedModules().values()].some((module) => module instanceof BlockSparseLinear)).toBe(false);
    expect(refuses(patch, model)).toEqual([why]);
    fresh.dispose();
  });

  it("what was not measured for a criterion", () => {
    const criterion = taylor({ batches: 1, layers: new Map() });
    expect(refuses(patcher("layer.0.output.dense", { ...options, criterion }))).toEqual([
      'layer.0.output.dense: taylor: expected statistics of "layer.0.output.dense", there are those of no layer; collect them for it',
    ]);
  });

  it("layers that are block-sparse already", () => {
    const model = new TinyEncoder({ layers: 2 });
    patcher("layer.0.output.dense").patchModel(model);
    expect(refuses(patcher(bothDense), model)).toEqual([
      "layer.0.output.dense is block-sparse already; unpatch the model first",
    ]);
  });

  it("several of these, all in one message", () => {
    expect(refuses(patcher("embed").addPattern("nowhere", options).addPattern("layer.0", options))).toHaveLength(3);
  });

  it("options outside their domain, when they are given", () => {
    const bad = (given: PatchOptions) => () => patcher(/.*/, given);
    expect(bad({ density: 1.5 })).toThrow("addPattern: a density lies from 0 to 1, got 1.5");
    expect(bad({ density: 0.5, blockSize: 33 })).toThrow(
      "addPattern: a block size is a multiple of 4 from 4 to 64, got 33",
    );
    expect(bad({ density: 0.5, seed: 0.5 })).toThrow(
      "addPattern: a seed is a whole number from 0 to 2^53 - 1, got 0.5",
    );
  });
});
