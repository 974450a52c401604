import { Linear, Sequential, StateDictError } from "@tessera/nn";
import {
  applySparseLayouts,
  BlockLayout,
  BlockSparseLinear,
  BlockSparseModelPatcher,
  denseStateDict,
  PatchError,
  sparseLayoutsOf,
  type SparseLayouts,
} from "@tessera/sparse";
import { readSafetensors, scope, tensor, writeSafetensors, type HostTensor, type Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { devices, oracle } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onHost } from "../support/toy-parameters.ts";
import { normals } from "./oracle.ts";
import { TinyEncoder } from "./tiny-encoder.ts";

const pattern = /layer\.[0-9]+\.(intermediate|output)\.dense/;
const patcher = (seed = 0): BlockSparseModelPatcher =>
  new BlockSparseModelPatcher().addPattern(pattern, {
    density: 0.4,
    blockSize: 4,
    criterion: "random",
    balanced: true,
    seed,
  });

type Tensors = Map<string, HostTensor>;

/** Through the bytes of a file. */
const saved = (state: ReadonlyMap<string, Tensor>): Tensors =>
  readSafetensors(
    writeSafetensors(
      new Map([...state].map(([name, x]) => [name, { shape: x.shape, dtype: x.dtype, data: x.dataSync() }])),
    ),
  ).tensors;

const output = (model: TinyEncoder): number[] =>
  scope(() => [...model.forward(tensor(normals(3 * 16, 2), [3, 16])).dataSync()]);

/** A patched model on file: its description as JSON, its tensors, and what it computes. */
const checkpoint = (seed = 0): { layouts: SparseLayouts; tensors: Tensors; outputs: number[] } => {
  const model = new TinyEncoder({ layers: 2 });
  patcher(seed).patchModel(model);
  const result = {
    layouts: JSON.parse(JSON.stringify(sparseLayoutsOf(model))) as SparseLayouts,
    tensors: saved(model.stateDict()),
    outputs: output(model),
  };
  model.dispose();
  return result;
};

const state = (model: TinyEncoder): string =>
  JSON.stringify([...model.stateDict()].map(([name, x]) => [name, x.shape, [...x.dataSync()]]));

/** What a model says to a description and tensors; it must stay as it was. */
const refused = (
  layouts: unknown,
  tensors: Tensors,
  model = new TinyEncoder({ layers: 2, seed: 5 }),
): readonly string[] => {
  const before = state(model);
  let problems: readonly string[] | null = null;
  try {
    applySparseLayouts(model, layouts as SparseLayouts, tensors);
  } catch (error) {
    expect(error).toBeInstanceOf(PatchError);
    expect((error as Error).message).toContain(
      "applySparseLayouts: expected the model of this checkpoint, nothing was changed; ",
    );
    problems = (error as PatchError).problems;
  }
  expect(state(model)).toBe(before);
  model.dispose();
  expect(problems).not.toBeNull();
  return problems!;
};

describe("a checkpoint of a patched model", () => {
  it("describes each layer, in JSON", () => {
    const { layouts, tensors } = checkpoint();
    expect(Object.keys(layouts)).toEqual(
      [0, 1].flatMap((i) => [`layer.${i}.intermediate.dense`, `layer.${i}.output.dense`]),
    );
    expect(layouts["layer.1.output.dense"]).toEqual({
      outFeatures: 16,
      inFeatures: 32,
      blockSize: 4,
      blocks: 13,
      density: 13 / 32,
      recipe: { density: 0.4, criterion: "random", balanced: true, seed: 0 },
    });
    expect([...tensors.keys()].filter((name) => name.startsWith("layer.0.output"))).toEqual(
      ["bias", "colIndices", "crowIndices", "values"].map((name) => `layer.0.output.dense.${name}`),
    );
  });

  it("rebuilds the model without patching by hand", () =>
    withoutLeaks(() => {
      const { layouts, tensors, outputs } = checkpoint();
      const model = new TinyEncoder({ layers: 2, seed: 99 });
      applySparseLayouts(model, layouts, tensors);
      // The tied bias is still one parameter.
      expect(model.aliases().get("head.bias") ?? model.aliases().get("head.decoder.bias")).toHaveLength(1);
      model.loadStateDict(tensors);
      expect(output(model)).toEqual(outputs);
      // And again: nothing is lost on the way.
      expect(sparseLayoutsOf(model)).toEqual(layouts);
      expect(saved(model.stateDict())).toEqual(tensors);
      model.dispose();
    }));

  it("is no checkpoint of a dense model: loading one says so, with names", () => {
    const { tensors } = checkpoint();
    const dense = new TinyEncoder({ layers: 2, seed: 5 });
    const before = state(dense);
    expect(() => dense.loadStateDict(tensors)).toThrow(StateDictError);
    expect(() => dense.loadStateDict(tensors)).toThrow(
      /missing: layer\.0\.intermediate\.dense\.weight, .*unexpected: .*layer\.0\.intermediate\.dense\.values/,
    );
    expect(state(dense)).toBe(before);
    dense.dispose();
  });

  it("of another density does not load, and says so", () => {
    const { tensors } = checkpoint();
    const model = new TinyEncoder({ layers: 2 });
    new BlockSparseModelPatcher().addPattern(pattern, { density: 0.75, blockSize: 4 }).patchModel(model);
    const before = state(model);
    expect(() => model.loadStateDict(tensors)).toThrow(
      /layer\.1\.output\.dense\.values \(expected float32 \[24, 4, 4\], got float32 \[13, 4, 4\]\)/,
    );
    expect(state(model)).toBe(before);
    model.dispose();
  });

  it("of another layout with as many blocks does not load, and says so", () => {
    const [one, other] = [checkpoint(1), checkpoint(2)];
    const model = new TinyEncoder({ layers: 2 });
    applySparseLayouts(model, one.layouts, one.tensors);
    model.loadStateDict(one.tensors);
    const before = state(model);
    expect(() => model.loadStateDict(other.tensors)).toThrow(StateDictError);
    expect(() => model.loadStateDict(other.tensors)).toThrow(
      /^loadStateDict: expected the keys and shapes of the model, which is unchanged; .*mismatched: layer\.0\.intermediate\.dense\.(crow|col)Indices \(expected the layout of this layer, \d+ at \d+, got \d+; applySparseLayouts/,
    );
    expect(state(model)).toBe(before);
    model.loadStateDict(one.tensors);
    expect(output(model)).toEqual(one.outputs);
    model.dispose();
  });

  it("follows the model to another device", async () => {
    const { layouts, tensors, outputs } = checkpoint();
    const model = new TinyEncoder({ layers: 2 });
    applySparseLayouts(model, layouts, tensors);
    model.loadStateDict(tensors);
    await model.to("reference");
    const there = scope(() => [
      ...model.forward(tensor(normals(3 * 16, 2), [3, 16], { device: "reference" })).dataSync(),
    ]);
    for (const [i, value] of there.entries()) expect(value).toBeCloseTo(outputs[i]!, 5);
    model.dispose();
  });

  it("is refused as a whole when it does not fit the model, with names", () => {
    const { layouts, tensors } = checkpoint();
    const name = "layer.1.output.dense";
    const without = (...keys: readonly string[]): Tensors =>
      new Map([...tensors].filter(([key]) => !keys.includes(key)));
    const withIndex = (key: string, data: Int32Array): Tensors =>
      new Map([...tensors, [key, { shape: [data.length], dtype: "int32", data }]]);
    const described = (change: object): object => ({ ...layouts, [name]: { ...layouts[name], ...change } });

    expect(refused({ ...layouts, "layer.2.output.dense": layouts[name], "layer.1": layouts[name] }, tensors)).toEqual([
      "layer.2.output.dense is not a dense layer of this model",
      "layer.1 is not a dense layer of this model",
    ]);
    expect(refused(described({ outFeatures: 24 }), tensors)).toEqual([
      `${name} is 16 × 32, the checkpoint's is 24 × 32`,
    ]);
    expect(refused(described({ blockSize: 8 }), tensors)).toEqual([`${name} has blocks of 4, the description says 8`]);
    expect(refused({ ...layouts, [name]: null }, tensors)).toEqual([
      `${name} is described by null, not by the sizes of a layer`,
    ]);
    expect(refused({ ...layouts, [name]: { blockSize: 4 } }, tensors)).toEqual([
      `${name} is described by {"blockSize":4}, not by the sizes of a layer`,
    ]);
    expect(refused(layouts, without(`${name}.colIndices`))).toEqual([
      `${name}: block-sparse state: expected a key "${name}.colIndices", it is not there; is this layer dense in the checkpoint?`,
    ]);
    const { [name]: _, ...fewer } = layouts;
    expect(refused(fewer, tensors)).toEqual([`${name} is block-sparse in the tensors and not in the description`]);

    // Hostile or damaged indices.
    const col = Int32Array.from(tensors.get(`${name}.colIndices`)!.data);
    col[3] = 1000;
    expect(refused(layouts, withIndex(`${name}.colIndices`, col))[0]).toMatch(
      /^layer\.1\.output\.dense: BlockLayout: block columns lie from 0 to 7, got 1000/,
    );
    const crow = Int32Array.from(tensors.get(`${name}.crowIndices`)!.data);
    crow[1] = -4;
    expect(refused(layouts, withIndex(`${name}.crowIndices`, crow))[0]).toContain("crowIndices never falls");
    expect(refused(layouts, withIndex(`${name}.crowIndices`, crow.slice(1)))[0]).toContain(
      "crowIndices has rows + 1 = 5 numbers, got 4",
    );
    const wrongType: Tensors = new Map([
      ...tensors,
      [`${name}.colIndices`, { shape: [13], dtype: "float32", data: new Float32Array(13) }],
    ]);
    expect(refused(layouts, wrongType)[0]).toContain(
      `block-sparse state: expected int32 "${name}.crowIndices" and "${name}.colIndices", got int32 and float32`,
    );
    const flat: Tensors = new Map([
      ...tensors,
      [`${name}.values`, { shape: [13, 16], dtype: "float32", data: new Float32Array(13 * 16) }],
    ]);
    expect(refused(layouts, flat)[0]).toContain(
      `expected "${name}.values" float32 [n, b, b] for n = 13 colIndices, got float32 [13, 16]`,
    );
  });
});

describe("denseStateDict", () => {
  it("is what a model without sparse layers loads", () =>
    withoutLeaks(() => {
      const model = new TinyEncoder({ layers: 2 });
      const keys = [...model.stateDict().keys()].sort();
      patcher().patchModel(model);
      const outputs = output(model);
      const dense = new TinyEncoder({ layers: 2, seed: 7 });
      scope((): void => {
        const written = saved(denseStateDict(model));
        expect([...written.keys()].sort()).toEqual(keys);
        dense.loadStateDict(written);
      });
      const got = output(dense);
      for (const [i, value] of got.entries()) expect(value).toBeCloseTo(outputs[i]!, 5);
      // The sparse model is what it was.
      expect(output(model)).toEqual(outputs);
      for (const owner of [model, dense]) owner.dispose();
    }));

  it("of one layer alone has no prefix", () => {
    const layer = new BlockSparseLinear(8, 8, { blockSize: 4, seed: 1 });
    expect(scope(() => [...denseStateDict(layer).keys()])).toEqual(["weight", "bias"]);
    layer.dispose();
  });
});

describe("BlockSparseLinear.fromStateDict", () => {
  for (const device of [oracle, ...devices])
    it(`takes the layout from the state, on ${device.name}`, () =>
      withoutLeaks(async () => {
        const layout = BlockLayout.fromMask(
          [
            [0, 1, 1],
            [0, 0, 0],
            [1, 0, 1],
          ],
          3,
          3,
          8,
        );
        const layer = new BlockSparseLinear(21, 19, { layout, device });
        const state = new Map([...(await onHost(layer.stateDict()))].map(([name, x]) => [`a.b.${name}`, x] as const));
        const again = BlockSparseLinear.fromStateDict(21, 19, state, { prefix: "a.b.", activation: "relu", device });
        expect(again.layout.equals(layout)).toBe(true);
        expect([again.activation, again.values.device.name, again.numParameters()]).toEqual([
          "relu",
          device.name,
          layer.numParameters(),
        ]);
        expect(await onHost(again.stateDict())).toEqual(await onHost(layer.stateDict()));
        for (const owner of [layer, again]) owner.dispose();
      }));

  it("works without a bias, and without a block", () =>
    withoutLeaks(() => {
      const layer = new BlockSparseLinear(16, 16, {
        mask: [
          [0, 0],
          [0, 0],
        ],
        blockSize: 8,
        bias: false,
      });
      const again = BlockSparseLinear.fromStateDict(16, 16, saved(layer.stateDict()));
      expect([again.bias, again.layout.blocks, again.blockSize]).toEqual([null, 0, 8]);
      for (const owner of [layer, again]) owner.dispose();
    }));

  it("refuses what does not fit, by text, and leaves nothing behind", () =>
    withoutLeaks(() => {
      const layer = new BlockSparseLinear(16, 16, { blockSize: 8, seed: 1 });
      const state = saved(layer.stateDict());
      layer.dispose();
      const from =
        (change: Iterable<readonly [string, HostTensor]>, inFeatures = 16) =>
        () =>
          BlockSparseLinear.fromStateDict(inFeatures, 16, new Map([...state, ...change]));
      expect(() => BlockSparseLinear.fromStateDict(16, 16, state, { prefix: "fc." })).toThrow(
        'block-sparse state: expected a key "fc.values", it is not there; is this layer dense in the checkpoint?',
      );
      expect(from([["bias", { shape: [8], dtype: "float32", data: new Float32Array(8) }]])).toThrow(
        'block-sparse state: expected "bias" float32 [16], got float32 [8]',
      );
      expect(from([], 8)).toThrow("BlockLayout: block columns lie from 0 to 0, got 1");
      expect(from([["crowIndices", { shape: [2], dtype: "int32", data: Int32Array.of(0, 2) }]])).toThrow(
        "crowIndices has rows + 1 = 3 numbers, got 2",
      );
    }));
});

describe("a dense layer among sparse ones", () => {
  it("loads as before", () => {
    const model = new Sequential(new Linear(8, 8), new BlockSparseLinear(8, 8, { blockSize: 4, seed: 1 }));
    const twin = new Sequential(new Linear(8, 8), new BlockSparseLinear(8, 8, { blockSize: 4, seed: 1 }));
    twin.loadStateDict(saved(model.stateDict()));
    expect(saved(twin.stateDict())).toEqual(saved(model.stateDict()));
    for (const owner of [model, twin]) owner.dispose();
  });
});
