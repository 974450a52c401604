import { valueAndGrad } from "@tessera/autograd";
import { AdamW, Linear, Sequential, SGD } from "@tessera/nn";
import {
  BlockLayout,
  BlockSparseLinear,
  BlockSparseModelPatcher,
  type BlockCriterion,
  type PatchOptions,
} from "@tessera/sparse";
import { cpu, keep, mean, memory, Parameter, scope, square, tensor, type Tensor } from "@tessera/tensor";
import { describe, expect, it, vi } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { masked, normals, worstError } from "./oracle.ts";
import { snapshot, TinyEncoder } from "./tiny-encoder.ts";

const options = { density: 0.5, blockSize: 4 } satisfies PatchOptions;
const bothDense = /layer\.[0-9]+\.(intermediate|output)\.dense/;

const patcher = (pattern: RegExp | string, given: PatchOptions = options): BlockSparseModelPatcher =>
  new BlockSparseModelPatcher().addPattern(pattern, given);

describe("patchModel", () => {
  it("keeps the best blocks where they are, with their values", () =>
    withoutLeaks(() => {
      const model = new TinyEncoder({ layers: 2 });
      const dense = new Map([...model.stateDict()].map(([name, x]) => [name, x.dataSync()] as const));
      const report = patcher(bothDense).patchModel(model);
      expect(report.replacements.map(({ name }) => name)).toEqual(report.plan!.layers.map(({ name }) => name));
      expect(report.replacements).toHaveLength(4);
      expect(model.numParameters()).toBe(report.plan!.parameters.after);
      for (const { name, shape, layout } of report.plan!.layers) {
        const layer = model.getSubmodule(name) as BlockSparseLinear;
        expect(layer).toBeInstanceOf(BlockSparseLinear);
        const before = dense.get(`${name}.weight`)!;
        expect(scope(() => [...layer.toDense().dataSync()])).toEqual([...masked(before, layout, shape)]);
        expect([...layer.bias!.dataSync()]).toEqual([...dense.get(`${name}.bias`)!]);
        expect([layout.deadRows(), layout.deadColumns()]).toEqual([[], []]);
        // Not the first elements of the matrix, not any blocks: those of the largest norm, as far as no row or column goes empty.
        const norm = (mask: Uint8Array, kept: number): number[] =>
          [...mask].flatMap((one, at) =>
            one === kept ? [blockNorm(before, shape[1], Math.floor(at / layout.cols), at % layout.cols)] : [],
          );
        const kept = norm(layout.mask(), 1).sort((a, b) => a - b);
        const dropped = norm(layout.mask(), 0);
        expect(kept[Math.floor(kept.length / 2)]!).toBeGreaterThan(Math.max(...dropped));
      }
      model.dispose();
    }));

  it("with density 1 reproduces the dense model", () =>
    withoutLeaks(() => {
      const model = new TinyEncoder();
      const [x, parameters] = [keep(tensor(normals(5 * 16, 1), [5, 16])), model.numParameters()];
      const weights = [...model.stateDict()]
        .filter(([name]) => name.endsWith("dense.weight"))
        .map(([name, w]) => [name, [...w.dataSync()]] as const);
      const before = scope(() => model.forward(x).dataSync());
      patcher(bothDense, { density: 1, blockSize: 8 }).patchModel(model);
      for (const [name, values] of weights)
        expect(
          scope(() => [
            ...(model.getSubmodule(name.replace(/\.weight$/, "")) as BlockSparseLinear).toDense().dataSync(),
          ]),
        ).toEqual(values);
      expect(
        worstError(
          scope(() => model.forward(x).dataSync()),
          before,
        ),
      ).toBeLessThanOrEqual(1e-6);
      expect(model.numParameters()).toBe(parameters);
      for (const owner of [model, x]) owner.dispose();
    }));

  it("changes all layers or none", () =>
    withoutLeaks(() => {
      const model = new TinyEncoder({ layers: 3 });
      const before = snapshot(model);
      const plan = patcher(bothDense).plan(model);
      const alloc = cpu.alloc.bind(cpu);
      const twin = new TinyEncoder({ layers: 3 });
      const counting = vi.spyOn(cpu, "alloc");
      patcher(bothDense).patchModel(twin);
      const total = counting.mock.calls.length;
      counting.mockRestore();
      twin.dispose();
      // While making a layer, and while putting it in.
      for (const failing of [1, 2, Math.floor(total / 2), total - 1, total]) {
        let calls = 0;
        const spy = vi.spyOn(cpu, "alloc").mockImplementation((dtype, length) => {
          if (++calls === failing) throw new Error("no room");
          return alloc(dtype, length);
        });
        expect(() => patcher(bothDense).patchModel(model, plan)).toThrow("no room");
        spy.mockRestore();
        expect(snapshot(model)).toBe(before);
      }
      const setSubmodule = model.setSubmodule.bind(model);
      let puts = 0;
      const spy = vi.spyOn(model, "setSubmodule").mockImplementation((path, module) => {
        if (++puts === 4) throw new Error("not this one");
        return setSubmodule(path, module);
      });
      expect(() => patcher(bothDense).patchModel(model, plan)).toThrow("not this one");
      spy.mockRestore();
      expect(snapshot(model)).toBe(before);
      patcher(bothDense).patchModel(model, plan);
      expect(model.getSubmodule("layer.2.output.dense")).toBeInstanceOf(BlockSparseLinear);
      model.dispose();
    }));

  it("frees the dense weights", () =>
    withoutLeaks(() => {
      const model = new Sequential(new Linear(64, 128));
      const before = memory()["cpu"]!.bytes;
      patcher("0", { density: 0.25, blockSize: 16 }).patchModel(model);
      expect(memory()["cpu"]!.bytes - before).toBe(-4 * 64 * 128 * 0.75 + 4 * (3 * 8 + 9 + 5));
      model.dispose();
    }));

  it("takes a plan of another model of the same shape, and no other", () => {
    const [one, other, smaller] = [
      new TinyEncoder({ layers: 2 }),
      new TinyEncoder({ layers: 2, seed: 9 }),
      new TinyEncoder({ layers: 2, hidden: 8 }),
    ];
    const plan = patcher(bothDense).plan(one);
    const report = patcher(bothDense).patchModel(other, plan);
    expect(report.plan).toBe(plan);
    expect(
      (other.getSubmodule("layer.1.output.dense") as BlockSparseLinear).layout.equals(plan.layers[3]!.layout),
    ).toBe(true);
    expect(() => patcher(bothDense).patchModel(other, plan)).toThrow(
      "patchModel: expected the model that was planned for, nothing was changed; layer.0.intermediate.dense is not a dense layer of this model",
    );
    expect(() => patcher(bothDense).patchModel(smaller, plan)).toThrow(
      "layer.0.intermediate.dense is 16 × 8, the plan says 32 × 16",
    );
    for (const model of [one, other, smaller]) model.dispose();
  });

  it("keeps the mode, frozen weights and activations", () => {
    const model = new Sequential(new Linear(16, 16, { activation: "gelu" }), new Linear(16, 16)).eval();
    model.freeze("0.weight");
    patcher(/[01]/).patchModel(model);
    const [first, second] = [...model] as unknown as [BlockSparseLinear, BlockSparseLinear];
    expect([first.training, first.activation, first.values.trainable, first.bias!.trainable]).toEqual([
      false,
      "gelu",
      false,
      true,
    ]);
    expect([second.activation, second.values.trainable]).toEqual([null, true]);
    model.dispose();
  });

  it("draws differently for each layer with criterion random, and alike in each run", () => {
    const layouts = (seed: number): string[] => {
      const model = new TinyEncoder({ layers: 3 });
      const plan = patcher(/layer\.[0-9]\.output\.dense/, {
        density: 0.3,
        blockSize: 4,
        criterion: "random",
        seed,
      }).plan(model);
      model.dispose();
      return plan.layers.map(({ layout }) => layout.colIndices.join());
    };
    expect(layouts(1)).toEqual(layouts(1));
    expect(new Set([...layouts(1), ...layouts(2)]).size).toBe(6);
  });

  it("asks a criterion of the user's own", () => {
    const seen: string[] = [];
    const last: BlockCriterion = {
      name: "last",
      scores: ({ name, outFeatures, inFeatures, blockSize }) => {
        seen.push(`${name} ${outFeatures} × ${inFeatures} in ${blockSize}s`);
        return Float64Array.from({ length: (outFeatures / blockSize) * (inFeatures / blockSize) }, (_, at) => at);
      },
    };
    const model = new Sequential(new Linear(16, 8));
    const [layer] = patcher("0", { density: 0.5, blockSize: 4, criterion: last }).plan(model).layers;
    expect(seen).toEqual(["0 8 × 16 in 4s"]);
    expect(layer!.recipe.criterion).toBe("last");
    // The last four would leave row 0 empty: its first block fills that row and column 0 at once.
    expect([...layer!.layout.mask()]).toEqual([1, 0, 0, 0, 0, 1, 1, 1]);
    model.dispose();
  });
});

/** ‖block‖₂ of blocks of 4. */
const blockNorm = (weight: ArrayLike<number>, inputs: number, row: number, col: number): number => {
  let sum = 0;
  for (let i = 0; i < 4; i++) for (let j = 0; j < 4; j++) sum += weight[(row * 4 + i) * inputs + col * 4 + j]! ** 2;
  return Math.sqrt(sum);
};

describe("unpatch", () => {
  it("gives the dense model back, with zeros where no block was", () =>
    withoutLeaks(() => {
      const model = new TinyEncoder({ layers: 2 });
      const keys = [...model.stateDict().keys()];
      const [x, parameters] = [keep(tensor(normals(5 * 16, 1), [5, 16])), model.numParameters()];
      const report = patcher(bothDense).patchModel(model);
      const expected = report.plan!.layers.map(({ name }) =>
        scope(() => [...(model.getSubmodule(name) as BlockSparseLinear).toDense().dataSync()]),
      );
      const sparse = scope(() => model.forward(x).dataSync());
      const back = new BlockSparseModelPatcher().unpatch(model);
      expect(String(back)).toBe(`dense again: ${report.plan!.layers.map(({ name }) => name).join(", ")}`);
      expect([...model.stateDict().keys()]).toEqual(keys);
      expect(model.numParameters()).toBe(parameters);
      expect(
        report.plan!.layers.map(({ name }) => [...(model.getSubmodule(name) as Linear).weight.dataSync()]),
      ).toEqual(expected);
      expect(
        worstError(
          scope(() => model.forward(x).dataSync()),
          sparse,
        ),
      ).toBeLessThanOrEqual(1e-6);
      for (const owner of [model, x]) owner.dispose();
    }));

  it("refuses a model without sparse layers", () => {
    const model = new Sequential(new Linear(8, 8));
    expect(() => new BlockSparseModelPatcher().unpatch(model)).toThrow(
      "unpatch: expected a model with block-sparse layers; it has none",
    );
    const layer = new BlockSparseLinear(8, 8, { blockSize: 4 });
    expect(() => new BlockSparseModelPatcher().unpatch(layer)).toThrow(
      "unpatch: expected a model; it is a layer itself; use its toLinear()",
    );
    for (const owner of [model, layer]) owner.dispose();
  });
});

const train = (model: TinyEncoder, optimizer: { step(grads: never): void }, steps: number, from = 0): number[] =>
  Array.from({ length: steps }, (_, t) =>
    scope(() => {
      const x = tensor(normals(6 * 16, from + t + 10), [6, 16]);
      const { value, grads } = valueAndGrad(model, (input: Tensor) => mean(square(model.forward(input))))(x);
      optimizer.step(grads as never);
      return value.itemSync();
    }),
  );

describe("handOver", () => {
  it("lets training go on, with the kept blocks of the moments", () =>
    withoutLeaks(() => {
      const model = new TinyEncoder({ layers: 2 });
      const optimizer = new AdamW(model.namedParameters(), { lr: 1e-3 });
      train(model, optimizer, 3);
      const moments = (): Map<string, number[]> =>
        new Map([...optimizer.stateDict().tensors].map(([name, x]) => [name, [...x.dataSync()]]));
      const before = moments();
      const report = patcher(bothDense).patchModel(model);
      expect(() => train(model, optimizer, 1)).toThrow(/missing: .*layer\.0\.intermediate\.dense\.weight/);
      report.handOver(optimizer);
      expect([...optimizer.groups[0]!.params.keys()]).toEqual([...model.namedParameters().keys()]);
      for (const { name, shape, layout } of report.plan!.layers)
        for (const moment of ["expAvg", "expAvgSq"]) {
          const kept = masked(before.get(`${name}.weight.${moment}`)!, layout, shape);
          const now = moments().get(`${name}.values.${moment}`)!;
          layout.forEachBlock((row, col, block) => {
            for (let i = 0; i < 4; i++)
              for (let j = 0; j < 4; j++)
                expect(now[(block * 4 + i) * 4 + j]).toBe(Math.fround(kept[(row * 4 + i) * shape[1] + col * 4 + j]!));
          });
        }
      const losses = train(model, optimizer, 30, 3);
      expect(losses.at(-1)).toBeLessThan(losses[0]!);

      // And back: zeros between the blocks.
      const sparse = moments();
      const back = new BlockSparseModelPatcher().unpatch(model);
      back.handOver(optimizer);
      const [{ name, shape, layout }] = report.plan!.layers as [(typeof report.plan & {})["layers"][number]];
      const dense = moments().get(`${name}.weight.expAvg`)!;
      expect(dense).toEqual([...masked(dense, layout, shape)]);
      expect(dense.reduce((a, b) => a + b, 0)).toBeCloseTo(
        sparse.get(`${name}.values.expAvg`)!.reduce((a, b) => a + b, 0),
        6,
      );
      train(model, optimizer, 2, 50);
      for (const owner of [model, optimizer]) owner.dispose();
    }));

  it("reaches every optimiser that is given, not the first alone", () =>
    withoutLeaks(() => {
      const model = new TinyEncoder({ layers: 2 });
      const named = [...model.namedParameters()];
      const [even, odd] = [
        new Map(named.filter(([name]) => name.startsWith("layer.0"))),
        new Map(named.filter(([name]) => !name.startsWith("layer.0"))),
      ];
      const [first, second] = [new AdamW(even, { lr: 1e-3 }), new SGD(odd, { lr: 1e-3, momentum: 0.9 })];
      patcher(bothDense).patchModel(model).handOver(first, second);
      expect([...first.groups[0]!.params.keys(), ...second.groups[0]!.params.keys()].sort()).toEqual(
        [...model.namedParameters().keys()].sort(),
      );
      for (const owner of [model, first, second]) owner.dispose();
    }));

  it("refuses an optimiser that has none of the layers", () => {
    const model = new TinyEncoder({ layers: 1 });
    const own = new Parameter(tensor([1]));
    const optimizer = new AdamW(new Map([["own", own]]), { lr: 1 });
    const report = patcher(bothDense).patchModel(model);
    expect(() => report.handOver(optimizer)).toThrow(
      "handOver: expected an optimiser of the replaced weights, it has none of them",
    );
    for (const owner of [model, optimizer, own]) owner.dispose();
  });
});

describe("layouts of a patched model", () => {
  it("come from plain masks too, one by one", () => {
    const model = new Sequential(new Linear(8, 8));
    const layout = BlockLayout.fromMask(
      [
        [1, 0],
        [1, 0],
      ],
      2,
      2,
      4,
    );
    model.setSubmodule("0", BlockSparseLinear.fromLinear(model.getSubmodule("0") as Linear, { layout })).dispose();
    expect((model.getSubmodule("0") as BlockSparseLinear).layout.deadColumns()).toEqual([1]);
    model.dispose();
  });
});
