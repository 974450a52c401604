import { createHash } from "node:crypto";
import { valueAndGrad, vjp } from "@tessera/autograd";
import type { MaskedLMInputs } from "@tessera/models";
import { clipGradNorm } from "@tessera/nn";
import { BlockSparseModelPatcher } from "@tessera/sparse";
import {
  cpu,
  dropout,
  exp,
  Generator,
  manualSeed,
  matmul,
  mul,
  narrow,
  randn,
  scaledDotProductAttention,
  scope,
  setThreads,
  sum,
  type Tensor,
} from "@tessera/tensor";
import { afterEach, describe, expect, it } from "vitest";
import { disposeTraining, tinyBatches, tinyConfig, tinyTraining } from "../models/tiny-model.ts";
import { withoutLeaks } from "../support/leaks.ts";

const machine = cpu.threads;
afterEach(() => setThreads(machine));

/** Resolves when as many threads work as were asked for. */
const joined = async (count: number, work: () => void): Promise<void> => {
  for (let tries = 0; cpu.threadsJoined < count; tries++) {
    if (tries > 500) throw new Error(`${cpu.threadsJoined} of ${count} threads joined`);
    work();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

/** Kernels with many tasks, with partial sums, and with scratch memory. */
const results = (): string =>
  scope(() => {
    const generator = new Generator(3);
    const [a, b] = [randn([300, 257], { generator }), randn([257, 190], { generator })];
    const big = randn([200_000], { generator });
    // 36 heads: more than there are tasks in the backward.
    const [q, k, v] = [0, 0, 0].map(() => randn([3, 12, 40, 8], { generator })) as [Tensor, Tensor, Tensor];
    const attention = vjp(
      (...xs: [Tensor, Tensor, Tensor]) => scaledDotProductAttention(...xs, { dropoutP: 0.1, generator }),
      q,
      k,
      v,
    );
    const all: Tensor[] = [
      attention.value,
      ...attention.pullback(v).map((gradient) => gradient!),
      matmul(a, b),
      sum(exp(big)),
      sum(mul(a, a), { dim: 0 }),
      dropout(big, { p: 0.3, generator }),
    ];
    return hashOf(all);
  });

const hashOf = (tensors: readonly Tensor[]): string => {
  const hash = createHash("sha256");
  for (const x of tensors) hash.update(x.dataSync());
  return hash.digest("hex");
};

/** Loss, norm, gradients and parameters of three steps of a block-sparse RoBERTa that is large enough for jobs of several tasks. */
const training = (): string[] => {
  const config = tinyConfig({ hiddenSize: 64, intermediateSize: 256, numAttentionHeads: 4 });
  const { model, optimizer, schedule } = tinyTraining(3, config);
  new BlockSparseModelPatcher()
    .addPattern(/roberta\.encoder\.layer\.[0-9]+\.(intermediate|output)\.dense/, { density: 0.5, blockSize: 8 })
    .patchModel(model)
    .handOver(optimizer);
  manualSeed(11);
  const batches = tinyBatches(5, 32);
  const lossAndGrads = valueAndGrad(model, (inputs: MaskedLMInputs) => model.forward(inputs).loss!);
  const hashes: string[] = [];
  for (let step = 0; step < 3; step++)
    scope((): void => {
      const { value, grads } = lossAndGrads(batches.next().inputs);
      const norm = clipGradNorm(grads, 0.5);
      hashes.push(hashOf([value, norm]), hashOf([...grads.values()]));
      optimizer.step(grads);
      schedule.step();
      hashes.push(hashOf(model.parameters()));
    });
  disposeTraining({ model, optimizer, schedule, batches });
  return hashes;
};

describe("threads", () => {
  it("do not change a bit of the results", () =>
    withoutLeaks(async () => {
      setThreads(1);
      const alone = results();
      for (const count of [2, 3, 5]) {
        setThreads(count);
        await joined(count, results);
        for (let round = 0; round < 5; round++) expect(results()).toBe(alone);
      }
    }));

  it("do not change a bit of the loss, the gradients and the weights of a training", () =>
    withoutLeaks(async () => {
      setThreads(1);
      const alone = training();
      expect(new Set(alone).size).toBe(9);
      for (const count of [2, 3, 5]) {
        setThreads(count);
        await joined(count, results);
        expect(training(), `${count} threads`).toEqual(alone);
      }
    }));

  it("share scratch among more tasks of a product than there can be threads", () =>
    withoutLeaks(async () => {
      const generator = new Generator(5);
      const [a, b] = [randn([25_000, 7], { generator }), randn([7, 16], { generator })];
      const parts = [0, 10_000, 20_000].map((start) =>
        scope(() => matmul(narrow(a, 0, start, Math.min(10_000, 25_000 - start)), b)),
      );
      for (const count of [1, 3]) {
        setThreads(count);
        await joined(count, results);
        const whole = matmul(a, b);
        expect(hashOf([whole])).toBe(hashOf(parts));
        whole.dispose();
      }
      for (const tensor of [a, b, ...parts]) tensor.dispose();
    }));

  it("can be changed while tensors live, and back", () =>
    withoutLeaks(async () => {
      const x = randn([100_000], { generator: new Generator(1) });
      const before = exp(x);
      setThreads(3);
      await joined(3, results);
      setThreads(1);
      setThreads(2);
      await joined(2, results);
      const after = exp(x);
      expect(hashOf([after])).toBe(hashOf([before]));
      for (const tensor of [x, before, after]) tensor.dispose();
    }));

  it("are refused in numbers that make no sense", () => {
    for (const count of [0, -1, 1.5, 10_000, NaN])
      expect(() => setThreads(count)).toThrow(`setThreads: a whole number from 1 to 256 expected, got ${count}`);
    expect(cpu.threads).toBe(machine);
  });
});
