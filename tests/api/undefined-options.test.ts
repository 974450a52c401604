// `{ lr: options.lr }` must do what `{}` does where `options.lr` is undefined: at run time, and under exactOptionalPropertyTypes,
// with which this file is compiled.
import {
  AdamW,
  CrossEntropyLoss,
  Dropout,
  Embedding,
  LayerNorm,
  Linear,
  MultiHeadAttention,
  RMSNorm,
  Sequential,
  SGD,
  type Module,
} from "@tessera/nn";
import {
  BlockLayout,
  BlockSparseLinear,
  BlockSparseMatrix,
  BlockSparseModelPatcher,
  selectBlocks,
} from "@tessera/sparse";
import * as t from "@tessera/tensor";
import { manualSeed, scope, tensor } from "@tessera/tensor";
import { describe, expect, test } from "vitest";

/** The values of a module's parameters, from one seed. */
const drawn = (make: () => Module): readonly (readonly [string, readonly number[]])[] => {
  manualSeed(11);
  const module = make();
  const values = [...module.namedParameters()].map(([name, p]) => [name, [...p.dataSync()]] as const);
  const text = String(module);
  module.dispose();
  return [...values, [text, []]];
};

const none = undefined;

describe("an option that is undefined is as good as absent", () => {
  test.each<readonly [string, () => Module, () => Module]>([
    [
      "Linear",
      () => new Linear(4, 3, { bias: none, weight: none, activation: none, device: none, generator: none }),
      () => new Linear(4, 3),
    ],
    [
      "Embedding",
      () => new Embedding(4, 3, { paddingIdx: none, std: none, generator: none }),
      () => new Embedding(4, 3),
    ],
    [
      "LayerNorm",
      () => new LayerNorm(3, { eps: none, elementwiseAffine: none, bias: none, device: none }),
      () => new LayerNorm(3),
    ],
    ["RMSNorm", () => new RMSNorm(3, { eps: none, elementwiseAffine: none, device: none }), () => new RMSNorm(3)],
    ["Dropout", () => new Dropout(0.5, { generator: none }), () => new Dropout(0.5)],
    [
      "MultiHeadAttention",
      () => new MultiHeadAttention(4, 2, { dropout: none, bias: none }),
      () => new MultiHeadAttention(4, 2),
    ],
    [
      "BlockSparseLinear",
      () =>
        new BlockSparseLinear(16, 8, {
          blockSize: 4,
          density: none,
          mask: none,
          layout: none,
          seed: none,
          bias: none,
          values: none,
          activation: none,
          device: none,
          generator: none,
          recipe: none,
        }),
      () => new BlockSparseLinear(16, 8, { blockSize: 4 }),
    ],
  ])("%s", (_, given, absent) => expect(drawn(given)).toEqual(drawn(absent)));

  test("optimisers and their groups", () => {
    const model = new Linear(4, 3);
    const params = model.namedParameters();
    const optionsOf = (optimizer: { readonly groups: readonly object[] }): object => ({ ...optimizer.groups[0] });
    const adamw = new AdamW(params, { lr: none, betas: none, eps: none, weightDecay: none });
    expect(optionsOf(adamw)).toEqual(optionsOf(new AdamW(params)));
    const sgd = new SGD([{ params, momentum: none, lr: none }], { lr: 0.5, nesterov: none });
    expect(optionsOf(sgd)).toEqual(optionsOf(new SGD(params, { lr: 0.5 })));
    model.dispose();
  });

  test("layouts, patches and selections", () => {
    const size = { outFeatures: 8, inFeatures: 16, blockSize: 4, density: 0.5 };
    expect(BlockLayout.balanced({ ...size, seed: none }).equals(BlockLayout.balanced(size))).toBe(true);
    expect(selectBlocks([5, 4, 3, 9], { rows: 2, cols: 2, blocks: 2, balanced: none })).toEqual(
      selectBlocks([5, 4, 3, 9], { rows: 2, cols: 2, blocks: 2 }),
    );
    manualSeed(5);
    const model = new Sequential(new Linear(64, 64));
    const absent = new BlockSparseModelPatcher().addPattern("0", { density: 0.5 });
    const given = new BlockSparseModelPatcher().addPattern("0", {
      density: 0.5,
      blockSize: none,
      criterion: none,
      balanced: none,
      exclude: none,
      seed: none,
      whenSlower: none,
    });
    expect(String(given.plan(model))).toBe(String(absent.plan(model)));
    model.dispose();
    scope((): void => {
      const matrix = BlockSparseMatrix.zeros([8, 16], { blockSize: 4, seed: 1, device: none, generator: none });
      expect(matrix.density).toBe(0.5);
    });
  });

  test("functions of tensors", () => {
    scope((): void => {
      const x = tensor([
        [1, -2, 3],
        [4, 5, -6],
      ]);
      const target = tensor(new Int32Array([0, 2]));
      const pairs: readonly (readonly [t.Tensor, t.Tensor])[] = [
        [t.zeros([2], { dtype: none, device: none }), t.zeros([2])],
        [t.gelu(x, { approximate: none }), t.gelu(x)],
        [t.layerNorm(x, [3], { weight: none, bias: none, eps: none }), t.layerNorm(x, [3])],
        [t.rmsNorm(x, [3], { weight: none, eps: none }), t.rmsNorm(x, [3])],
        [
          t.crossEntropy(x, target, { ignoreIndex: none, labelSmoothing: none, reduction: none }),
          t.crossEntropy(x, target),
        ],
        [
          new CrossEntropyLoss({ ignoreIndex: none, labelSmoothing: none, reduction: none }).forward(x, target),
          t.crossEntropy(x, target),
        ],
        [t.slice(x, 1, { start: none, end: none, step: none }), t.slice(x, 1, {})],
        [t.arange(0, 4, { step: none, dtype: none, device: none }), t.arange(0, 4)],
        [t.dropout(x, { p: 0, training: none, generator: none }), t.dropout(x, { p: 0 })],
        [t.linear(x, x, null, { activation: none }), t.linear(x, x)],
      ];
      for (const [given, absent] of pairs) {
        expect(given.shape).toEqual(absent.shape);
        expect([...given.dataSync()]).toEqual([...absent.dataSync()]);
      }
    });
  });
});
