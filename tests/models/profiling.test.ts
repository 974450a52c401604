import { costOf, logLaunches, profileStep } from "@tessera/models/profiling";
import { BlockSparseMatrix, blockSparseLinear } from "@tessera/sparse";
import { families as sparseFamilies } from "@tessera/sparse/families";
import {
  cpu,
  embedding,
  exp,
  linear,
  matmul,
  ones,
  randn,
  reference,
  scope,
  setThreads,
  sum,
  tensor,
  type Backend,
  type Peak,
  type Tensor,
} from "@tessera/tensor";
import { defineOp, run, WebgpuBackend, type Op, type Signature } from "@tessera/tensor/extend";
import { families } from "@tessera/tensor/families";
import { afterEach, describe, expect, it } from "vitest";
import { devices } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";

/** A machine of round numbers: 1 GFLOP/s, and copies of 2 and 1 GB/s. */
const peak: Peak = {
  threads: 1,
  flops: 1e9,
  fusedFlops: 1e9,
  separateFlops: 1e9,
  copy: [
    { elements: 100, bytesPerSecond: 2e9 },
    { elements: 1e6, bytesPerSecond: 1e9 },
  ],
};

const work = (device: Backend) => (): void =>
  scope((): void => {
    const x = ones([64, 32], { device });
    sum(exp(linear(x, ones([16, 32], { device }))));
  });

describe("costOf", () => {
  it("counts the multiply-adds of products, twice, and the bytes of all tensors", () =>
    withoutLeaks(() => {
      const { launches } = logLaunches(cpu, () =>
        scope((): void => {
          exp(matmul(ones([5, 7]), ones([7, 3])));
        }),
      );
      const costs = Object.fromEntries(launches.map(({ launch }) => [launch.op.name, costOf(launch)]));
      expect(costs["matmul"]).toEqual({ family: "dense products", flops: 2 * 5 * 7 * 3, bytes: 4 * (35 + 21 + 15) });
      expect(costs["exp"]).toEqual({ family: "elementwise", flops: 0, bytes: 4 * 30 });
    }));

  const costOfOne = (fn: () => Tensor) => {
    const { launches } = logLaunches(cpu, () => scope((): void => void fn()));
    return costOf(launches.at(-1)!.launch);
  };

  it("counts stored blocks alone, and of a table only the rows asked for", () =>
    withoutLeaks(() => {
      const weight = BlockSparseMatrix.randn([32, 64], { density: 0.25, blockSize: 8, seed: 1 });
      const blocks = weight.values.size(0);
      const sparse = costOfOne(() => blockSparseLinear(ones([5, 64]), weight));
      expect([sparse.family, sparse.flops]).toEqual(["block-sparse products", 2 * blocks * 8 * 8 * 5]);
      weight.dispose();
      expect(costOfOne(() => embedding(tensor(new Int32Array([1, 2])), ones([100, 7])))).toEqual({
        family: "embedding and indexing",
        flops: 0,
        bytes: 2 * 4 * 14,
      });
    }));

  it("asks an op from outside what it costs, and to which family it belongs", () =>
    withoutLeaks(() => {
      const op = {
        name: "linearly",
        infer: ([x]: readonly [{ shape: readonly number[] }]) =>
          [{ shape: x.shape, dtype: "float32" as const }] as const,
        kernels: { reference: () => undefined, cpu: "reference" as const, webgpu: "none" as const },
      };
      type One = { inputs: [x: Tensor]; outputs: [y: Tensor] };
      const silent = defineOp<One>(op);
      const telling = defineOp<One>({
        ...op,
        family: "transforms",
        cost: ({ inputs: [x] }) => ({ multiplyAdds: 3 * x.shape[0]!, bytes: 10 }),
      });
      expect(costOfOne(() => run(telling, [ones([8])])[0])).toEqual({ family: "transforms", flops: 48, bytes: 10 });
      expect(costOfOne(() => run(silent, [ones([8])])[0])).toEqual({ family: "elementwise", flops: 0, bytes: 64 });
    }));

  it("knows a family of every op of ours", () => {
    const modules: readonly object[] = [...Object.values(families), ...Object.values(sparseFamilies)];
    const all = modules.flatMap((family) => Object.values(family) as (Op<Signature> | (() => unknown))[]);
    const ops = all.filter((one) => typeof one === "object");
    expect(ops.length).toBeGreaterThan(90);
    expect(ops.filter((op) => op.family === undefined).map(({ name }) => name)).toEqual([]);
  });
});

describe("profileStep", () => {
  it("puts every launch into one family, and what is between into a line of its own", () =>
    withoutLeaks(async () => {
      let steps = 0;
      const lines = await profileStep(() => (steps++, work(cpu)()), { peak, steps: 5 });
      expect(steps).toBe(3 + 5);
      const whole = lines.at(-1)!;
      const between = lines.at(-2)!;
      expect([between.family, whole.family]).toEqual(["between the ops", "whole step"]);
      expect([between.calls, between.gflops, between.shareOfPeak]).toEqual([0, null, null]);
      const families = lines.slice(0, -2);
      expect(families.map(({ family }) => family).toSorted()).toEqual(
        ["copies", "dense products", "elementwise", "reductions"].toSorted(),
      );
      const total = (of: (line: (typeof lines)[number]) => number): number =>
        families.reduce((all, line) => all + of(line), 0);
      expect(total(({ calls }) => calls)).toBe(whole.calls);
      expect(total(({ milliseconds }) => milliseconds) + between.milliseconds).toBeCloseTo(whole.milliseconds, 6);
      expect(total(({ shareOfStep }) => shareOfStep) + between.shareOfStep).toBeCloseTo(1, 6);
      for (const { ops, calls, milliseconds } of families) {
        expect(ops.reduce((all, op) => all + op.calls, 0)).toBe(calls);
        expect(ops.reduce((all, op) => all + op.milliseconds, 0)).toBeCloseTo(milliseconds, 6);
      }
      const products = lines.find(({ family }) => family === "dense products")!;
      expect(products.gflops! * products.milliseconds * 1e6).toBeCloseTo(2 * 64 * 32 * 16, 3);
      expect(products.shareOfPeak).toBeCloseTo(products.gflops!, 6);
      const elementwise = lines.find(({ family }) => family === "elementwise")!;
      expect(elementwise.gflops).toBeNull();
      // 1024 elements are nearer to a copy of 100 than to one of a million.
      expect(elementwise.shareOfPeak).toBeCloseTo(elementwise.gigabytesPerSecond! / 2, 6);
    }));

  it("knows no share of a peak that it was not told, on the reference device", () =>
    withoutLeaks(async () => {
      const lines = await profileStep(work(reference), { device: reference, steps: 1 });
      expect(lines.every(({ shareOfPeak }) => shareOfPeak === null)).toBe(true);
      expect(lines.find(({ family }) => family === "dense products")!.gflops).toBeGreaterThan(0);
    }));

  it("leaves the device as it was when a step fails", async () => {
    const fail = (): never => {
      throw new Error("no step");
    };
    await expect(profileStep(fail)).rejects.toThrow("no step");
    expect(() => logLaunches(cpu, fail)).toThrow("no step");
    expect(Object.hasOwn(cpu, "launch")).toBe(false);
  });

  for (const gpu of devices)
    if (gpu instanceof WebgpuBackend)
      it("takes the times of webgpu's own clock", () =>
        withoutLeaks(async () => {
          const lines = await profileStep(work(gpu), { device: gpu, steps: 2 });
          const products = lines.find(({ family }) => family === "dense products")!;
          expect(products.calls).toBe(1);
          expect(products.milliseconds).toBeGreaterThan(0);
          expect(lines.at(-1)!.calls).toBe(lines.slice(0, -2).reduce((all, { calls }) => all + calls, 0));
        }));
});

describe("cpu.measurePeak", () => {
  const machine = cpu.threads;
  afterEach(() => setThreads(machine));

  it("says what this many threads can do, and leaves nothing behind", () =>
    withoutLeaks(async () => {
      setThreads(2);
      const found = await cpu.measurePeak({ windows: 2, sizes: [1 << 12] });
      expect(found.threads).toBe(2);
      expect(found.flops).toBe(Math.max(found.separateFlops, found.fusedFlops ?? 0));
      expect(found.separateFlops).toBeGreaterThan(1e8);
      expect(found.copy.map(({ elements }) => elements)).toEqual([1 << 12]);
      expect(found.copy[0]!.bytesPerSecond).toBeGreaterThan(1e8);
      const x = randn([3]);
      expect(x.dataSync().every(Number.isFinite)).toBe(true);
      x.dispose();
    }));
});
