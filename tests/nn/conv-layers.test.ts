// Convolutions, pools and norms over channels as layers: their parameters and buffers, and what they compute against the functions.
import { vjp } from "@tessera/autograd";
import {
  avgPool1d,
  AvgPool1d,
  avgPool2d,
  AvgPool2d,
  BatchNorm1d,
  BatchNorm2d,
  conv1d,
  Conv1d,
  conv2d,
  Conv2d,
  groupNorm,
  GroupNorm,
  maxPool1d,
  MaxPool1d,
  maxPool2d,
  MaxPool2d,
  type Module,
} from "@tessera/nn";
import {
  add,
  ArgumentError,
  dispose,
  Generator,
  mean,
  mul,
  ones,
  reshape,
  scope,
  ShapeError,
  sqrt,
  sub,
  variance,
  type Tensor,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { difference, valuesOf } from "../support/close.ts";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";
import { sameAsPlain, withParameters } from "../support/same-as-plain.ts";

onEveryDevice((device) => {
  const make = (seed: number, ...shape: number[]): Tensor => normal(...shape).make(seed, device);
  const close = async (got: Tensor, want: Tensor, relative = 1e-5): Promise<void> =>
    expect(difference(await valuesOf(got), await valuesOf(want), { relative })).toBeNull();
  const random = () => ({ device, generator: new Generator(1) });
  /** A layer against a function of its input. */
  const same = (layer: Module & { forward(x: Tensor): Tensor }, plain: (x: Tensor) => Tensor, x: Tensor) =>
    withoutLeaks(async () => {
      const [got, want] = [layer.forward(x), plain(x)];
      await close(got, want, 0);
      dispose([got, want]);
    });

  describe("Conv1d and Conv2d", () => {
    it("convolve with their parameters, which start within 1/√(in / groups · kernel)", async () => {
      using wide = new Conv2d(4, 6, [3, 2], { groups: 2, stride: 2, padding: [1, 0], ...random() });
      using narrow = new Conv1d(3, 5, 4, { padding: "same", bias: false, ...random() });
      expect([...wide.stateDict()].map(([name, { shape }]) => [name, shape])).toEqual([
        ["weight", [6, 2, 3, 2]],
        ["bias", [6]],
      ]);
      expect([...narrow.stateDict().keys()]).toEqual(["weight"]);
      const weights = [...(await wide.weight.data()), ...(await wide.bias!.data())].map(Math.abs);
      expect(Math.max(...weights)).toBeLessThan(1 / Math.sqrt(12));
      expect(Math.max(...weights)).toBeGreaterThan(0.8 / Math.sqrt(12));
      using images = make(1, 2, 4, 7, 6);
      using lines = make(2, 2, 3, 9);
      await same(wide, (x) => conv2d(x, wide.weight, wide.bias, { groups: 2, stride: 2, padding: [1, 0] }), images);
      await same(narrow, (x) => conv1d(x, narrow.weight, null, { padding: "same" }), lines);
      expect(String(wide)).toBe("Conv2d(4, 6, kernelSize=[3, 2], stride=2, padding=[1, 0], groups=2, bias=true)");
      expect(String(narrow)).toBe('Conv1d(3, 5, kernelSize=4, padding="same", groups=1, bias=false)');
    });

    it("refuse groups that do not divide their channels, and inputs of other channels", () => {
      expect(() => new Conv2d(4, 6, 3, { groups: 4 })).toThrow(
        new ArgumentError("Conv2d: expected groups that divide outChannels 6, got 4"),
      );
      expect(() => new Conv1d(4, 6, 0)).toThrow(ArgumentError);
      using layer = new Conv2d(4, 6, 3, { device });
      using x = make(1, 1, 3, 5, 5);
      expect(() => layer.forward(x)).toThrow(
        new ShapeError(
          "conv2d: expected 4 channels for 1 groups and the weight [6, 4, 3, 3], got 3; the weight is [out, in / groups, …]",
        ),
      );
    });
  });

  describe("pools and GroupNorm", () => {
    it("are their functions", async () => {
      using images = make(3, 2, 4, 7, 6);
      using lines = make(4, 2, 4, 9);
      const options = { stride: 2, padding: 1, ceilMode: true };
      await same(new MaxPool2d(3, options), (x) => maxPool2d(x, 3, options), images);
      await same(new MaxPool1d(2), (x) => maxPool1d(x, 2), lines);
      await same(new AvgPool2d([2, 3]), (x) => avgPool2d(x, [2, 3]), images);
      await same(new AvgPool1d(3, options), (x) => avgPool1d(x, 3, options), lines);
      using norm = new GroupNorm(2, 4, { device });
      norm.weight!.assign(scope(() => make(5, 4)));
      await same(norm, (x) => groupNorm(x, 2, { weight: norm.weight, bias: norm.bias }), images);
      expect(String(new MaxPool2d(3, options))).toBe("MaxPool2d(kernelSize=3, stride=2, padding=1, ceilMode=true)");
      expect(String(norm)).toBe("GroupNorm(2, 4, eps=0.00001, affine=true)");
      expect(() => new GroupNorm(3, 4)).toThrow(ArgumentError);
    });
  });

  describe("BatchNorm1d and BatchNorm2d", () => {
    /** The layer by public ops. */
    const plain = (x: Tensor, weight: Tensor, bias: Tensor): Tensor => {
      const dims = x.shape.flatMap((_, d) => (d === 1 ? [] : [d]));
      const onChannels = (each: Tensor): Tensor => reshape(each, [1, x.size(1), ...x.shape.slice(2).map(() => 1)]);
      const centred = sub(x, mean(x, { dim: dims, keepdim: true }));
      const spread = variance(x, { dim: dims, keepdim: true, correction: 0 });
      const hat = mul(centred, sqrt(add(spread, 1e-5)).reciprocal());
      return add(mul(hat, onChannels(weight)), onChannels(bias));
    };

    it.each([[[6, 5]], [[4, 5, 7]], [[3, 5, 4, 6]]])("normalise %j, with the gradients of public ops", (shape) =>
      withoutLeaks(async () => {
        using layer = shape.length === 4 ? new BatchNorm2d(5, { device }) : new BatchNorm1d(5, { device });
        const inputs = scope(() => [make(1, ...shape), make(2, 5), make(3, 5)]);
        const called = withParameters(layer, ["weight", "bias"], (x) => layer.forward(x));
        await sameAsPlain(called, (x, weight, bias) => plain(x, weight, bias), inputs);
        dispose(inputs);
      }),
    );

    /** Mean and unbiased variance of each of two channels, in float64. */
    const statistics = (values: readonly number[]): { mean: number; variance: number }[] =>
      [0, 1].map((c) => {
        const own = values.filter((_, i) => i % 2 === c);
        const average = own.reduce((total, value) => total + value, 0) / own.length;
        const squares = own.reduce((total, value) => total + (value - average) ** 2, 0);
        return { mean: average, variance: squares / (own.length - 1) };
      });

    it.each([0.1, 0.3, null])("keep running statistics with a momentum of %j, and evaluate by them", (momentum) =>
      withoutLeaks(async () => {
        using layer = new BatchNorm1d(2, { momentum, device });
        let want = [0, 1].map(() => ({ mean: 0, variance: 1 }));
        for (const seed of [1, 2, 3]) {
          using x = make(seed, 8, 2);
          layer.forward(x).dispose();
          const share = momentum ?? 1 / seed;
          const batch = statistics(normal(8, 2).values(seed).map(Math.fround));
          want = want.map(({ mean, variance }, c) => ({
            mean: mean + (batch[c]!.mean - mean) * share,
            variance: variance + (batch[c]!.variance - variance) * share,
          }));
        }
        const [average, spread] = [await layer.running_mean!.data(), await layer.running_var!.data()];
        for (const [c, { mean, variance }] of want.entries()) {
          expect(average[c]).toBeCloseTo(mean, 6);
          expect(spread[c]).toBeCloseTo(variance, 6);
        }
        expect(await layer.num_batches_tracked!.item()).toBe(3);
        layer.eval();
        using x = make(4, 1, 2);
        using y = layer.forward(x);
        const expected = normal(1, 2)
          .values(4)
          .map((value, c) => (value - want[c]!.mean) / Math.sqrt(want[c]!.variance + 1e-5));
        expect((await y.data())[0]).toBeCloseTo(expected[0]!, 5);
        expect((await y.data())[1]).toBeCloseTo(expected[1]!, 5);
        expect(await layer.num_batches_tracked!.item()).toBe(3);
      }),
    );

    it("have torch's names in checkpoints, which load into another layer", () =>
      withoutLeaks(async () => {
        using layer = new BatchNorm2d(3, { device });
        using other = new BatchNorm2d(3, { device });
        expect([...layer.stateDict()].map(([name, { dtype }]) => [name, dtype])).toEqual([
          ["weight", "float32"],
          ["bias", "float32"],
          ["running_mean", "float32"],
          ["running_var", "float32"],
          ["num_batches_tracked", "int32"],
        ]);
        using x = make(1, 4, 3, 2, 2);
        layer.forward(x).dispose();
        other.loadStateDict(layer.stateDict());
        await close(other.running_var!, layer.running_var!, 0);
        expect(await other.num_batches_tracked!.item()).toBe(1);
      }));

    it("may have nothing to learn, or nothing to remember", () =>
      withoutLeaks(async () => {
        using layer = new BatchNorm1d(4, { affine: false, trackRunningStats: false, device });
        expect([...layer.stateDict().keys()]).toEqual([]);
        using x = make(1, 6, 4);
        const [trained, evaluated] = [layer.forward(x), layer.eval().forward(x)];
        await close(evaluated, trained, 0);
        dispose([trained, evaluated]);
        expect(String(layer)).toBe("BatchNorm1d(4, eps=0.00001, momentum=0.1, affine=false, trackRunningStats=false)");
      }));

    it("let a gradient read the statistics that it ran with, though a later batch changes them", () =>
      withoutLeaks(async () => {
        using layer = new BatchNorm1d(3, { device });
        using x = make(1, 5, 3);
        layer.eval();
        const pulled = vjp((x: Tensor) => layer.forward(x), x);
        layer.train().forward(x).dispose();
        const [dx] = scope(() => pulled.pullback(ones([5, 3], { device })));
        expect((await dx!.data())[0]).toBeCloseTo(1 / Math.sqrt(1 + 1e-5), 6);
        dispose([pulled.value, dx]);
      }));

    it("refuse inputs of other features or ranks, a batch of one, and a momentum outside [0, 1]", () => {
      using layer = new BatchNorm2d(3, { device });
      const refuses = (shape: readonly number[], message: string): void => {
        using x = make(1, ...shape);
        expect(() => layer.forward(x)).toThrow(new ShapeError(message));
      };
      refuses([2, 4, 5, 5], "BatchNorm2d: expected [batch, 3, height, width], got [2, 4, 5, 5]");
      refuses([2, 3], "BatchNorm2d: expected [batch, 3, height, width], got [2, 3]");
      refuses(
        [1, 3, 1, 1],
        "batchNorm: expected at least two elements of each channel for statistics, got [1, 3, 1, 1]; take a larger batch, or evaluate with fixed ones",
      );
      expect(() => new BatchNorm1d(3, { momentum: 2 })).toThrow(
        new ArgumentError("BatchNorm1d: momentum is a number from 0 to 1, or null, got 2"),
      );
    });
  });
});
