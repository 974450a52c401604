import type { ProfileLine } from "@tessera/models/profiling";
import { cpu, setDefaultDevice, setThreads } from "@tessera/tensor";
import { afterEach, describe, expect, test } from "vitest";
import { devices } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { runHere } from "./run-here.ts";

const threads = cpu.threads;
afterEach(() => {
  setDefaultDevice("cpu");
  setThreads(threads);
});

const small = "--hidden 32 --layers 1 --heads 2 --vocab 64 --batch-size 2 --length 16 --steps 1".split(" ");

interface Found {
  device: string;
  peak?: { threads: number; flops: number };
  model: { density: number; parameters: number };
  stepSeconds: number;
  tokensPerSecond: number;
  lines: ProfileLine[];
}

const profile = async (...args: string[]): Promise<Found> => {
  const { code, out, err } = await runHere(["profile", ...small, ...args, "--json"]);
  expect(err).toBe("");
  expect(code).toBe(0);
  expect(out).toMatch(/^\{[^\n]*\}\n$/);
  return JSON.parse(out) as Found;
};
const familiesOf = ({ lines }: Found): string[] => lines.map(({ family }) => family);

describe("profile", () => {
  test("prints families, shares and the peak, the whole step last", () =>
    withoutLeaks(async () => {
      const { code, out, err } = await runHere(["profile", ...small, "--threads", "1"]);
      expect([code, err]).toEqual([0, ""]);
      expect(out).toMatch(/^A training step on cpu, 1 thread: 1 layers, hidden 32, dense, batch 2 × 16$/m);
      expect(out).toMatch(/^family +calls +ms +of step +GFLOP\/s +GB\/s +of peak +slowest ops$/m);
      for (const family of ["dense products", "attention", "norms", "softmax and losses", "optimiser"])
        expect(out).toMatch(new RegExp(`^${family} +\\d+ +[\\d.]+ +[\\d.]+ % .*\\d %  \\w+ [\\d.]+`, "m"));
      expect(out).toMatch(/^between the ops +[\d.]+ +[\d.]+ %$/m);
      expect(out).toMatch(/^whole step +\d+ +[\d.]+ +100\.0 % /m);
      expect(out).toMatch(/^peak: [\d.]+ GFLOP\/s in registers/m);
    }));

  test("of a patched model has block-sparse products, and less of dense ones", () =>
    withoutLeaks(async () => {
      const dense = await profile();
      const sparse = await profile("--density", "0.5");
      expect(familiesOf(dense)).not.toContain("block-sparse products");
      expect(familiesOf(sparse)).toContain("block-sparse products");
      expect([dense.model.density, sparse.model.density]).toEqual([1, 0.5]);
      expect(sparse.model.parameters).toBeLessThan(dense.model.parameters);
      const calls = ({ lines }: Found): number => lines.find(({ family }) => family === "dense products")!.calls;
      expect(calls(sparse)).toBeLessThan(calls(dense));
      expect(sparse.peak!.flops).toBeGreaterThan(0);
      expect(sparse.lines.at(-1)!.milliseconds).toBeCloseTo(1000 * sparse.stepSeconds, 6);
      expect(sparse.tokensPerSecond).toBeCloseTo(32 / sparse.stepSeconds, 3);
    }));

  test("on the reference device knows no peak", () =>
    withoutLeaks(async () => {
      const found = await profile("--device", "reference");
      expect([found.device, found.peak]).toEqual(["reference", undefined]);
      expect(found.lines.every(({ shareOfPeak }) => shareOfPeak === null)).toBe(true);
    }));

  test("on webgpu takes the device's own times, or says why there is none", () =>
    withoutLeaks(async () => {
      if (devices.some(({ name }) => name === "webgpu")) {
        const found = await profile("--device", "webgpu");
        expect(found.device).toBe("webgpu");
        expect(found.lines.find(({ family }) => family === "dense products")!.gflops).toBeGreaterThan(0);
      } else {
        const { code, err } = await runHere(["profile", ...small, "--device", "webgpu"]);
        expect(code).toBe(2);
        expect(err).toMatch(/^tessera: --device: [^\n]+\n$/);
      }
    }));

  test("refuses heads that do not divide the width", async () => {
    const { code, err } = await runHere(["profile", ...small, "--heads", "5"]);
    expect(err).toBe("tessera: profile: expected heads that divide the width, got 5 for 32; see --heads\n");
    expect(code).toBe(1);
  });
});
