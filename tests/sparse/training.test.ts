import { valueAndGrad, type Gradients } from "@tessera/autograd";
import { AdamW, Linear, Module, Sequential } from "@tessera/nn";
import { BlockLayout, BlockSparseLinear, BlockSparseModelPatcher } from "@tessera/sparse";
import { blockSparseLinearOp, ddsOp, sddOp } from "@tessera/sparse/ops/block-matmul";
import {
  cpu,
  gelu,
  keep,
  linear,
  mean,
  memory,
  mul,
  Parameter,
  randn,
  resetPeakMemory,
  scope,
  square,
  sub,
  tensor,
  zeros,
  type Backend,
  type Tensor,
} from "@tessera/tensor";
import { withRecorder, type Op, type Signature } from "@tessera/tensor/extend";
import { afterEach, describe, expect, it, vi } from "vitest";
import { dataOf } from "../support/data-of.ts";
import { devices, oracle } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { holedLayout, masked, normals, worstError } from "./oracle.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** A dense layer whose weight is multiplied by a mask at every use: what block-sparse layers must equal. */
class MaskedLinear extends Module {
  weight: Parameter; // [out, in]
  bias: Parameter; // [out]
  mask: Tensor; // [out, in]

  constructor(weight: Parameter, bias: Parameter, mask: Tensor) {
    super();
    this.weight = weight;
    this.bias = bias;
    this.mask = this.buffer(mask);
  }

  forward(x: Tensor): Tensor {
    return linear(x, mul(this.weight, this.mask), this.bias);
  }
}

/** One step, and the loss that is on its way. */
const step = (
  model: Module & { forward(x: Tensor): Tensor },
  optimizer: AdamW,
  x: Tensor,
  target: Tensor,
): { loss: Promise<number> } =>
  scope(() => {
    const { value, grads } = valueAndGrad(model, (input: Tensor) =>
      mean(square(sub(gelu(model.forward(input)), target))),
    )(x);
    optimizer.step(grads);
    return { loss: value.item() };
  });

describe("training", () => {
  for (const device of [oracle, ...devices])
    for (const [note, layout, shape] of [
      ["an empty row and column", holedLayout(3, 5, 8, 2), [24, 40]],
      ["ragged", holedLayout(3, 3, 16, 5), [45, 37]],
      ["every block", BlockLayout.dense(2, 3, 20), [40, 60]],
      [
        "blocks of 32",
        BlockLayout.balanced({ outFeatures: 96, inFeatures: 160, blockSize: 32, density: 0.5, seed: 4 }),
        [96, 160],
      ],
    ] as const)
      it(`goes 40 AdamW steps with a masked dense layer: ${note}, on ${device.name}`, () =>
        withoutLeaks(async () => {
          const [outputs, inputs] = shape;
          const start = masked(
            normals(outputs * inputs, 1).map((value) => 0.2 * value),
            layout,
            shape,
          );
          const mask = masked(new Float32Array(outputs * inputs).fill(1), layout, shape);
          const make = (values: ArrayLike<number>, of: readonly number[]): Tensor =>
            tensor(Float32Array.from(values), of, { device });
          const dense = new MaskedLinear(
            new Parameter(make(start, shape)),
            new Parameter(zeros([outputs], { device })),
            make(mask, shape),
          );
          const sparse = scope(() => {
            const twin = new Linear(inputs, outputs, { device });
            twin.weight.assign(make(start, shape));
            twin.bias!.assign(zeros([outputs], { device }));
            const made = BlockSparseLinear.fromLinear(twin, { layout });
            twin.dispose();
            return made;
          });
          // Epsilon well above rounding: Adam divides by √v + ε, and makes noise of gradients that are noise.
          const options = { lr: 1e-2, weightDecay: 0.1, eps: 1e-4 };
          const [ofDense, ofSparse] = [
            new AdamW(dense.namedParameters(), options),
            new AdamW(sparse.namedParameters(), options),
          ];
          let [first, last] = [0, 0];
          for (let t = 0; t < 40; t++) {
            const losses = scope(() => {
              const x = make(normals(9 * inputs, 100 + t), [9, inputs]);
              const target = make(normals(9 * outputs, 500 + (t % 3)), [9, outputs]);
              return [step(dense, ofDense, x, target), step(sparse, ofSparse, x, target)] as const;
            });
            const [want, got] = [await losses[0].loss, await losses[1].loss];
            expect(Math.abs(got - want), `loss of step ${t}`).toBeLessThanOrEqual(1e-5 * Math.abs(want));
            const [weight] = await dataOf(() => [sparse.toDense()]);
            expect(worstError(weight, await dense.weight.data()), `weights after step ${t}`).toBeLessThanOrEqual(1e-5);
            expect(
              worstError(await sparse.bias!.data(), await dense.bias.data()),
              `bias after step ${t}`,
            ).toBeLessThanOrEqual(1e-5);
            if (t === 0) first = got;
            last = got;
          }
          expect(last).not.toBe(first);
          // What sticks out was never touched, by weight decay either.
          const values = await sparse.values.data();
          const [written] = await dataOf(() => [sparse.toDense()]);
          expect(values.filter((value: number) => value !== 0).length).toBe(
            written.filter((value: number) => value !== 0).length,
          );
          for (const owner of [dense, sparse, ofDense, ofSparse]) owner.dispose();
        }));
});

/** Bytes alive on the cpu. */
const live = (): number => memory()["cpu"]?.bytes ?? 0;

const patched = (density: number): { model: Sequential; layer: BlockSparseLinear } => {
  const model = new Sequential(new Linear(256, 512, { bias: false }));
  new BlockSparseModelPatcher().addPattern("0", { density }).patchModel(model);
  return { model, layer: model.getSubmodule("0") as BlockSparseLinear };
};

describe("memory", () => {
  const dense = 4 * 512 * 256;

  it("of weights, gradients and both moments at density 0.25 is a quarter of the dense layer's, plus the index", () =>
    withoutLeaks(() => {
      const before = live();
      const model = new Sequential(new Linear(256, 512, { bias: false }));
      expect(live() - before).toBe(dense);
      new BlockSparseModelPatcher().addPattern("0", { density: 0.25 }).patchModel(model);
      const layer = model.getSubmodule("0") as BlockSparseLinear;
      expect(layer.density).toBe(0.25);
      const { rows, cols, blocks } = layer.layout;
      const index = 4 * (3 * blocks + rows + 1 + cols + 1);
      expect(live() - before, "weights").toBe(dense / 4 + index);
      expect(index).toBeLessThan(dense / 500);

      const x = keep(randn([4, 256]));
      const withInput = live();
      let grads: Gradients = keep(
        scope(() => valueAndGrad(model, (input: Tensor) => mean(square(model.forward(input))))(x).grads),
      );
      expect(live() - withInput, "gradients").toBe(dense / 4);
      grads.dispose();

      const optimizer = new AdamW(model.namedParameters(), { lr: 1e-3 });
      scope(() => {
        grads = valueAndGrad(model, (input: Tensor) => mean(square(model.forward(input))))(x).grads;
        optimizer.step(grads);
      });
      const counters = live() - withInput - 2 * (dense / 4);
      expect(counters, "moments, and a few counters").toBeGreaterThanOrEqual(0);
      expect(counters).toBeLessThanOrEqual(64);
      for (const owner of [model, optimizer, x]) owner.dispose();
    }));

  it("is never of the dense weight's size in a step of a patched layer", () =>
    withoutLeaks(() => {
      const { model } = patched(0.25);
      const optimizer = new AdamW(model.namedParameters(), { lr: 1e-3 });
      const x = keep(randn([8, 256]));
      const run = (): void =>
        scope(() =>
          optimizer.step(valueAndGrad(model, (input: Tensor) => mean(square(model.forward(input))))(x).grads),
        );
      // What kernels take for themselves does not show in memory(): asked of their plans, which are made once.
      const scratch: number[] = [];
      for (const op of [blockSparseLinearOp, ddsOp, sddOp] as readonly unknown[] as readonly Op<Signature>[]) {
        const { kernels } = op;
        if ("view" in kernels || kernels.cpu === "reference") throw new Error(`${op.name} runs no kernel of ours`);
        const planner = kernels.cpu;
        const plan = planner.plan.bind(planner);
        vi.spyOn(planner, "plan").mockImplementation((...call) => {
          const made = plan(...call);
          scratch.push(...(made.scratchBytes ?? []));
          return made;
        });
      }
      run();
      const sizes: number[] = [];
      const alloc = cpu.alloc.bind(cpu);
      vi.spyOn(cpu, "alloc").mockImplementation((dtype, length) => {
        sizes.push(4 * length);
        return alloc(dtype, length);
      });
      resetPeakMemory();
      const before = live();
      run();
      const peak = memory()["cpu"]!.peakBytes - before;
      expect(sizes.length).toBeGreaterThan(3);
      expect(scratch.length).toBeGreaterThan(3);
      expect(Math.max(...sizes)).toBe(dense / 4);
      expect(Math.max(...scratch)).toBe(dense / 4);
      expect(peak, "all that is alive at once in a step").toBeLessThan(dense / 2);
      expect(live()).toBe(before);
      for (const owner of [model, optimizer, x]) owner.dispose();
    }));
});

/** Names of the ops that run. */
const opsOf = (fn: () => void): Set<string> => {
  const names = new Set<string>();
  withRecorder({ wants: () => true, record: ({ op }) => names.add(op.name) }, fn);
  return names;
};

describe("a step of a patched layer", () => {
  it("runs the three sparse products, and no dense one", () => {
    const { model } = patched(0.5);
    const x = keep(randn([8, 256]));
    const both = (device: Backend): number => {
      const { launches } = device as typeof cpu;
      return launches.reference;
    };
    const before = both(cpu);
    const names = opsOf(() => {
      // The input is differentiated too, as in the middle of a model.
      scope(() => valueAndGrad((input: Tensor) => mean(square(model.forward(input))))(x).grads.numel());
      scope(() => valueAndGrad(model, (input: Tensor) => mean(square(model.forward(input))))(x).grads.size);
    });
    for (const name of ["blockSparseLinear", "dds", "sdd"]) expect(names).toContain(name);
    for (const name of ["linear", "matmul", "scatterBlocks", "gatherBlocks"]) expect(names).not.toContain(name);
    expect(both(cpu), "kernels of the reference that ran").toBe(before);
    model.dispose();
    x.dispose();
  });
});
