// What `collect` sums, against dense gradients and inputs written out.
import { valueAndGrad } from "@tessera/autograd";
import { Linear, Module, Sequential } from "@tessera/nn";
import {
  BlockLayout,
  blockGradientNorms,
  BlockSparseLinear,
  BlockSparseModelPatcher,
  collect,
  criteria,
  ownMask,
  type CriterionName,
} from "@tessera/sparse";
import { cpu, Generator, mean, scope, square, sub, tensor, type Backend, type Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";
import { normals, worstError } from "./oracle.ts";

interface Batch {
  readonly x: Tensor;
  readonly y: Tensor;
}

/** A net of two layers of sizes that blocks of 8 do not divide, with its own loss. */
class Net extends Module {
  readonly body: Sequential;

  constructor(first: Linear | BlockSparseLinear, second: Linear | BlockSparseLinear) {
    super();
    this.body = new Sequential(first, second);
  }

  forward({ x, y }: Batch): Tensor {
    return mean(square(sub(this.body.forward(x), y)));
  }
}

const sizes = [
  [20, 12],
  [12, 20],
] as const;
const names = ["body.0", "body.1"] as const;
const layouts = sizes.map(([inputs, outputs], i) =>
  BlockLayout.balanced({ outFeatures: outputs, inFeatures: inputs, blockSize: 8, density: 0.5, seed: i + 1 }),
);

const linears = (device: Backend, activation?: "gelu" | "relu" | "geluTanh"): [Linear, Linear] => {
  const generator = new Generator(3);
  return [new Linear(...sizes[0], { generator, device, activation }), new Linear(...sizes[1], { generator, device })];
};
const sparseNet = (device: Backend, activation?: "gelu" | "relu" | "geluTanh"): Net => {
  const dense = linears(device, activation);
  const layers = dense.map((linear, i) => BlockSparseLinear.fromLinear(linear, { layout: layouts[i]! }));
  for (const linear of dense) linear.dispose();
  return new Net(layers[0]!, layers[1]!);
};
/** The same net with dense layers that have zeros where no block is. */
const maskedNet = (sparse: Net): Net => {
  const [first, second] = [0, 1].map((i) => (sparse.getSubmodule(`body.${i}`) as BlockSparseLinear).toLinear());
  return new Net(first!, second!);
};

function* batches(device: Backend, count = 3): Batches {
  for (let t = 0; t < count; t++)
    yield {
      x: tensor(normals(5 * 20, 10 + t), [5, 20], { device }),
      y: tensor(normals(5 * 20, 50 + t), [5, 20], { device }),
    };
}
type Batches = globalThis.Generator<Batch>;

/** What a pass over the batches shows of a dense net: weights, gradients by batch, inputs by batch. */
const seen = async (net: Net, device: Backend) => {
  const lossAndGrads = valueAndGrad(net, (batch: Batch) => net.forward(batch));
  const grads: Float32Array[][] = [];
  const inputs: Float32Array[][] = [];
  for (let t = 0; t < 3; t++) {
    const kept: Promise<unknown>[] = [];
    const remove = names.map((name, i) =>
      net.getSubmodule(name).registerForwardPreHook((_, [x]) => {
        kept[i] = (x as Tensor).data();
      }),
    );
    const read = scope(() => {
      const [...all] = batches(device);
      return { data: names.map((name) => lossAndGrads(all[t]!).grads.get(`${name}.weight`)!.data()) };
    });
    grads.push((await Promise.all(read.data)) as Float32Array[]);
    inputs.push((await Promise.all(kept)) as Float32Array[]);
    for (const one of remove) one();
  }
  const weights = (await Promise.all(
    names.map((name) => (net.getSubmodule(name) as Linear).weight.data()),
  )) as Float32Array[];
  return { weights, grads, inputs };
};

/** Σ over each block of a function of the place, in float64. */
const overBlocks = (i: number, blockSize: number, term: (at: number, input: number) => number): Float64Array => {
  const [inputs, outputs] = sizes[i]!;
  const cols = Math.ceil(inputs / blockSize);
  const sums = new Float64Array(Math.ceil(outputs / blockSize) * cols);
  for (let at = 0; at < inputs * outputs; at++) {
    const [o, k] = [Math.floor(at / inputs), at % inputs];
    sums[Math.floor(o / blockSize) * cols + Math.floor(k / blockSize)]! += term(at, k);
  }
  return sums;
};

/** Scores by hand. */
const byHand = (
  name: string,
  i: number,
  blockSize: number,
  { weights, grads, inputs }: Awaited<ReturnType<typeof seen>>,
): Float64Array => {
  const w = weights[i]!;
  const products = grads.map((each) => overBlocks(i, blockSize, (at) => each[i]![at]! * w[at]!));
  const total = (vectors: readonly Float64Array[]): Float64Array =>
    vectors.reduce((sums, one) => sums.map((value, at) => value + one[at]!));
  switch (name) {
    case "movement":
      return total(products).map((sum) => -sum);
    case "taylor":
      return total(products.map((one) => one.map(Math.abs))).map((sum) => sum / 3);
    case "fisher":
      return total(grads.map((each) => overBlocks(i, blockSize, (at) => (each[i]![at]! * w[at]!) ** 2))).map(
        (sum) => sum / 6,
      );
    case "activationWeighted": {
      const [width] = sizes[i]!;
      const squares = new Float64Array(width);
      for (const each of inputs) for (const [at, x] of each[i]!.entries()) squares[at % width]! += x * x;
      return overBlocks(i, blockSize, (at, k) => Math.abs(w[at]!) * Math.sqrt(squares[k]!));
    }
    default:
      throw new Error(`no such criterion here: ${name}`);
  }
};

const measured = (Object.keys(criteria) as CriterionName[]).filter((name) => criteria[name].needs.length > 0);

onEveryDevice((device) => {
  describe("collect", () => {
    it.each(["dense", "block-sparse"])("gathers, in one pass over a %s net, what dense gradients say", (kind) =>
      withoutLeaks(async () => {
        const sparse = sparseNet(device);
        const dense = kind === "dense" ? new Net(...linears(device)) : maskedNet(sparse);
        const net = kind === "dense" ? dense : sparse;
        const blockSize = kind === "dense" ? 4 : 8;
        let calls = 0;
        const remove = net.registerForwardHook(() => void calls++);
        const statistics = await collect(net, batches(device), measured, { blockSize });
        remove();
        expect([statistics.batches, calls]).toEqual([3, 3]);
        const oracle = await seen(dense, device);
        for (const name of measured)
          for (const [i, layer] of names.entries()) {
            const [inFeatures, outFeatures] = sizes[i]!;
            const judged = { name: layer, weight: oracle.weights[i]!, outFeatures, inFeatures, blockSize, seed: 0 };
            const got = criteria[name].create(statistics).scores(judged);
            const want = byHand(name, i, blockSize, oracle);
            expect(worstError(got, want), `${name} of ${layer}`).toBeLessThan(1e-5);
            expect(Math.max(...want.map(Math.abs)), name).toBeGreaterThan(1e-4);
          }
        for (const owner of new Set([sparse, dense])) owner.dispose();
      }),
    );

    it("leaves the model as it was, frozen layers and mode included, and does not look at others", () =>
      withoutLeaks(async () => {
        const net = sparseNet(device).freeze("body.0");
        const before = await net.getSubmodule("body.0").parameters()[0]!.data();
        const modes: boolean[] = [];
        const remove = net.registerForwardPreHook(({ training }) => void modes.push(training));
        const { layers } = await collect(net, batches(device), "taylor", { layers: "body.0" });
        remove();
        expect([...layers.keys()]).toEqual(["body.0"]);
        expect(layers.get("body.0")!.sums.absGradientTimesWeight!.some((sum) => sum > 0)).toBe(true);
        expect([modes, net.training]).toEqual([[false, false, false], true]);
        expect(net.numParameters({ trainable: true })).toBeLessThan(net.numParameters());
        expect(await net.getSubmodule("body.0").parameters()[0]!.data()).toEqual(before);
        net.dispose();
      }));
  });

  describe("blockGradientNorms", () => {
    it.each([undefined, "relu", "gelu", "geluTanh"] as const)(
      "are those of the dense gradient, chunk by chunk, with the activation %s",
      (activation) =>
        withoutLeaks(async () => {
          const sparse = sparseNet(device, activation);
          const dense = maskedNet(sparse);
          const pass = (net: Net) => () =>
            scope((): void => {
              const [batch] = batches(device);
              valueAndGrad(net, (one: Batch) => net.forward(one))(batch!);
            });
          const read = scope(() => {
            const [batch] = batches(device);
            const { grads } = valueAndGrad(dense, (one: Batch) => dense.forward(one))(batch!);
            return { data: names.map((name) => grads.get(`${name}.weight`)!.data()) };
          });
          const gradients = await Promise.all(read.data);
          // One block at a time, two, and all at once.
          for (const chunkElements of [1, 2 * 64, undefined]) {
            const norms = await blockGradientNorms(sparse, pass(sparse), { chunkElements });
            for (const [i, name] of names.entries()) {
              const stored = layouts[i]!.mask();
              const squares = overBlocks(i, 8, (at) => gradients[i]![at]! ** 2);
              const want = squares.map((square, at) => (stored[at] ? 0 : Math.sqrt(square)));
              expect(worstError(norms.get(name)!, want), name).toBeLessThan(1e-5);
              expect(Math.max(...want)).toBeGreaterThan(1e-3);
            }
          }
          for (const owner of [sparse, dense]) owner.dispose();
        }),
    );
  });
});

it("blockGradientNorms changes no gradient, and leaves no hook behind", () =>
  withoutLeaks(async () => {
    const net = sparseNet(cpu, "gelu");
    const gradients = (): Promise<ArrayLike<number>>[] =>
      scope(() => {
        const [batch] = batches(cpu);
        const { grads } = valueAndGrad(net, (one: Batch) => net.forward(one))(batch!);
        return { data: [...grads.values()].map((each) => each.data()) };
      }).data;
    const before = await Promise.all(gradients());
    let during: Promise<ArrayLike<number>>[] = [];
    await blockGradientNorms(net, () => (during = gradients()));
    expect(await Promise.all(during)).toEqual(before);
    await expect(blockGradientNorms(net, () => undefined)).rejects.toThrow(
      'blockGradientNorms: expected a backward pass through "body.0", there was none; is the layer used, and trainable?',
    );
    expect(await Promise.all(gradients())).toEqual(before);
    net.dispose();
  }));

describe("collect refuses", () => {
  it("what it cannot use, by text", () =>
    withoutLeaks(async () => {
      const net = new Net(...linears(cpu));
      const bad = (...args: [Iterable<Batch>, CriterionName, object?]) => collect(net, ...args);
      await expect(bad([], "taylor")).rejects.toThrow(
        "collect: expected at least one batch, got none; was the iterator used up before?",
      );
      await expect(bad(batches(cpu), "best" as CriterionName)).rejects.toThrow(
        /collect: expected the criterion "magnitude" or .*, got "best"/,
      );
      await expect(bad(batches(cpu), "taylor", { layers: "fc" })).rejects.toThrow(
        'collect: expected patterns of layers, "fc" matches none; there are body.0, body.1',
      );
      await expect(bad(batches(cpu), "taylor", { loss: () => ({}) })).rejects.toThrow();
      const nan = function* (): Batches {
        for (const batch of batches(cpu)) yield { ...batch, y: tensor(new Float32Array(100).fill(NaN), [5, 20]) };
      };
      await expect(bad(nan(), "fisher")).rejects.toThrow(
        'collect: expected finite sums, squaredGradientTimesWeight of "body.0" became NaN in batch 1; are the weights and the loss finite?',
      );
      const signal = AbortSignal.abort(new Error("enough"));
      await expect(bad(batches(cpu), "fisher", { signal })).rejects.toThrow("enough");
      expect(net.training).toBe(true);
      net.dispose();
    }));

  it("nothing of a criterion that needs nothing", async () => {
    const net = new Net(...linears(cpu));
    const { layers } = await collect(net, [], "magnitude");
    expect([...layers.values()].map(({ sums }) => Object.keys(sums))).toEqual([[], []]);
    net.dispose();
  });
});

it("a patcher takes what was collected", () =>
  withoutLeaks(async () => {
    const net = new Net(...linears(cpu));
    const statistics = await collect(net, batches(cpu), ["fisher"], { blockSize: 4 });
    const plan = new BlockSparseModelPatcher()
      .addPattern("body.0", { density: 0.5, blockSize: 4, criterion: "fisher", statistics })
      .addPattern("body.1", { blockSize: 4, layout: ownMask(({ rows, cols }) => new Uint8Array(rows * cols).fill(1)) })
      .plan(net);
    const scores = statistics.layers.get("body.0")!.sums.squaredGradientTimesWeight!;
    const kept = plan.layers[0]!.layout.mask();
    expect(kept[scores.indexOf(Math.max(...scores))]).toBe(1);
    expect(plan.layers.map(({ recipe }) => recipe)).toEqual([
      { density: 0.5, criterion: "fisher", balanced: false, seed: 0 },
      { density: 1, criterion: "magnitude", balanced: false, seed: 0, layout: "ownMask" },
    ]);
    net.dispose();
  }));
