import { AdamW, GELU, Linear, Sequential } from "@tessera/nn";
import {
  BlockSparseLinear,
  BlockSparseModelPatcher,
  breakEvenShare,
  PatchError,
  type PatchOptions,
} from "@tessera/sparse";
import { ArgumentError, Generator, setDefaultDevice } from "@tessera/tensor";
import { afterEach, describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";

afterEach(() => setDefaultDevice("cpu"));

const model = (): Sequential => {
  const generator = new Generator(1);
  return new Sequential(
    new Linear(64, 128, { generator }),
    new GELU(),
    new Linear(128, 64, { generator }),
    new Linear(64, 36, { generator }),
  );
};
const patcher = (first: PatchOptions, second: PatchOptions): BlockSparseModelPatcher =>
  new BlockSparseModelPatcher().addPattern("0", first).addPattern("2", second);
const whenSlower = "keep-dense";

describe("breakEvenShare", () => {
  it("is a share for every block size on cpu, and undefined where nothing was measured", () => {
    for (let blockSize = 4; blockSize <= 64; blockSize += 4) {
      const share = breakEvenShare("cpu", blockSize)!;
      expect(share).toBe(blockSize === 4 ? 0.5 : blockSize === 12 ? 0.75 : blockSize % 8 === 0 ? 0.9 : 0.85);
    }
    expect(breakEvenShare("reference", 8)).toBeUndefined();
  });

  it("is known on webgpu for the sizes that have tiles of their own, and grows with them", () => {
    const shares = [8, 16, 32, 64].map((blockSize) => breakEvenShare("webgpu", blockSize));
    expect(shares).toEqual([0.25, 0.5, 0.75, 0.8]);
    for (const blockSize of [4, 12, 24, 48, 60]) expect(breakEvenShare("webgpu", blockSize)).toBeUndefined();
  });
});

describe('whenSlower: "keep-dense"', () => {
  it("leaves a layer dense that would be slower, and says so in the plan", () =>
    withoutLeaks(() => {
      const net = model();
      const dense = net.numParameters();
      const layer = net.namedModules().get("2");
      const plan = patcher(
        { density: 0.5, blockSize: 8, whenSlower },
        { density: 0.95, blockSize: 8, whenSlower },
      ).plan(net);
      expect(plan.layers.map(({ name }) => name)).toEqual(["0"]);
      expect(plan.kept).toHaveLength(1);
      const [kept] = plan.kept;
      expect(kept).toMatchObject({ name: "2", shape: [64, 128], device: "cpu", breakEven: 0.9 });
      expect(kept!.stored).toBe(kept!.layout.density);
      expect(plan.parameters).toEqual({ before: dense, after: dense - (64 * 128) / 2 });
      expect(plan.bytes.before).toBe(plan.layers[0]!.bytes.before);
      expect(String(plan)).toContain(
        "\nstays dense: 2, which would store 0.9531 of its weight in blocks of 8; on cpu that is slower above 0.9\n",
      );
      const report = patcher({ density: 0.5, blockSize: 8 }, { density: 0.5, blockSize: 8 }).patchModel(net, plan);
      expect(report.replacements.map(({ name }) => name)).toEqual(["0"]);
      expect(net.namedModules().get("0")).toBeInstanceOf(BlockSparseLinear);
      expect(net.namedModules().get("2")).toBe(layer);
      net.dispose();
    }));

  it("patches what is exactly as fast as dense, and what is faster", () =>
    withoutLeaks(() => {
      const net = model();
      for (const [blockSize, density, stays] of [
        [4, 0.5, false],
        [4, 0.51, true],
        [12, 0.6, false],
        [16, 0.875, false],
        [16, 0.95, true],
      ] as const) {
        const { kept } = new BlockSparseModelPatcher().addPattern("0", { density, blockSize, whenSlower }).plan(net);
        expect(kept.length, `blocks of ${blockSize} at ${density}`).toBe(stays ? 1 : 0);
      }
      net.dispose();
    }));

  it("counts what sticks out of the matrix, for it is computed too", () =>
    withoutLeaks(() => {
      const net = model();
      // 36 × 64 in blocks of 32: 2 × 2 blocks, of which three are 64 × 48 elements for 36 × 64.
      const plan = new BlockSparseModelPatcher()
        .addPattern("3", { density: 0.75, blockSize: 32, whenSlower })
        .plan(net);
      expect(plan.kept[0]!.stored).toBe((3 * 32 * 32) / (36 * 64));
      expect(plan.layers).toEqual([]);
      // Nothing is patched then, and optimisers have nothing to take over.
      const optimizer = new AdamW(net.namedParameters(), { lr: 1e-3 });
      new BlockSparseModelPatcher()
        .addPattern("3", { density: 0.75, blockSize: 32 })
        .patchModel(net, plan)
        .handOver(optimizer);
      optimizer.dispose();
      net.dispose();
    }));

  it("is not the default: a slower layer is patched all the same", () =>
    withoutLeaks(() => {
      for (const options of [{}, { whenSlower: "patch" }] as const) {
        const net = model();
        const plan = new BlockSparseModelPatcher().addPattern("0", { density: 1, blockSize: 4, ...options }).plan(net);
        expect([plan.layers.length, plan.kept.length]).toEqual([1, 0]);
        net.dispose();
      }
    }));

  it("is a PatchError on a device where it was not measured, and changes nothing", () =>
    withoutLeaks(() => {
      setDefaultDevice("reference");
      const net = model();
      const attempt = () =>
        patcher({ density: 0.5, blockSize: 8, whenSlower }, { density: 1, blockSize: 8 }).patchModel(net);
      expect(attempt).toThrow(PatchError);
      expect(attempt).toThrow(
        "0 is on reference, where it was not measured what is slower in blocks of 8; leave whenSlower out",
      );
      expect(net.namedModules().get("0")).toBeInstanceOf(Linear);
      net.dispose();
    }));

  it("is one of two words", () => {
    const add = (): unknown =>
      // @ts-expect-error no such word
      new BlockSparseModelPatcher().addPattern("0", { density: 0.5, whenSlower: "skip" });
    expect(add).toThrow(ArgumentError);
    expect(add).toThrow('addPattern: whenSlower is "patch" or "keep-dense", got skip');
  });
});
