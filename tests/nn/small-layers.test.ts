// Layers and losses of one op: values against torch's formulas in float64, gradients against differences, modules against their functions.
import {
  ELU,
  Flatten,
  Hardswish,
  huberLoss,
  HuberLoss,
  l1Loss,
  L1Loss,
  LeakyReLU,
  LogSoftmax,
  Mish,
  SELU,
  smoothL1Loss,
  SmoothL1Loss,
  Softmax,
  Unflatten,
  type Module,
} from "@tessera/nn";
import { dispose, ShapeError, zeros, type Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { conformance } from "../support/conformance.ts";
import { normal, values } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";
import { sums, type SampleTable } from "../support/sample.ts";

const losses = { l1Loss, smoothL1Loss, huberLoss };
// Their differences are neither near 0 nor near a bound.
const x = values([1, -2, 0.25, 4, -0.5, 3]);
const y = values([1.5, 0.5, 0.5, 3.75, -3, 3.25]);
const refused = { args: [normal(3, 1), normal(3)] as const, throws: /: expected an input and a target of one shape/ };

conformance(
  "losses of differences",
  losses,
  {
    l1Loss: [
      { args: [x, y] },
      { args: [x, y, { reduction: "sum" }] },
      { args: [x, y, { reduction: "none" }] },
      { args: [normal(0), normal(0), { reduction: "sum" }], note: "no elements" },
      refused,
    ],
    smoothL1Loss: [
      { args: [x, y] },
      { args: [x, y, { beta: 0.4, reduction: "sum" }] },
      { args: [x, y, { beta: 0, reduction: "none" }], note: "no quadratic part" },
      { args: [x, y, { beta: -1 }], throws: /^smoothL1Loss: expected a beta of 0 or more, got -1/ },
      refused,
    ],
    huberLoss: [
      { args: [x, y] },
      { args: [x, y, { delta: 0.4, reduction: "none" }] },
      { args: [x, y, { delta: 0 }], throws: /^huberLoss: expected a delta above 0, got 0/ },
      refused,
    ],
  } satisfies SampleTable<typeof losses>,
  sums,
);

onEveryDevice((device) => {
  const own = [1.25, -2, 0.25, 4, -0.5, 0];
  const close = async (got: Tensor, want: readonly number[]): Promise<void> => {
    const found = await got.data();
    expect(found.length).toBe(want.length);
    for (const [i, value] of want.entries()) expect(found[i]).toBeCloseTo(value, 5);
  };

  describe("losses", () => {
    const others = [1.5, 0.5, 0.5, 3.75, -3, 3.25];
    const differences = own.map((value, i) => Math.abs(value - others[i]!));
    const quadratic = (d: number, bound: number): number => (d < bound ? (d * d) / 2 : bound * (d - bound / 2));
    const mean = (list: readonly number[]): number => list.reduce((total, value) => total + value, 0) / list.length;

    it.each<[Module & { forward(x: Tensor, y: Tensor): Tensor }, readonly number[]]>([
      [new L1Loss({ reduction: "none" }), differences],
      [new L1Loss(), [mean(differences)]],
      [new SmoothL1Loss(), [mean(differences.map((d) => quadratic(d, 1)))]],
      [new SmoothL1Loss({ beta: 0.5, reduction: "none" }), differences.map((d) => quadratic(d, 0.5) / 0.5)],
      [new HuberLoss({ delta: 2 }), [mean(differences.map((d) => quadratic(d, 2)))]],
    ])("are torch's: %s", (loss, want) =>
      withoutLeaks(async () => {
        const [x, y] = [values(own).make(1, device), values(others).make(1, device)];
        const got = loss.forward(x, y);
        await close(got, want);
        dispose([x, y, got]);
      }),
    );
  });

  describe("activations", () => {
    const total = own.reduce((sum, value) => sum + Math.exp(value), 0);
    const below = (value: number): number => Math.min(value, 0);
    it.each<[Module & { forward(x: Tensor): Tensor }, (x: number) => number]>([
      [new ELU(0.5), (x) => (x > 0 ? x : 0.5 * Math.expm1(below(x)))],
      [new SELU(), (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(below(x)))],
      [new LeakyReLU(), (x) => (x > 0 ? x : 0.01 * x)],
      [new Mish(), (x) => x * Math.tanh(Math.log1p(Math.exp(x)))],
      [new Hardswish(), (x) => x * Math.min(Math.max(x / 6 + 0.5, 0), 1)],
      [new Softmax(), (x) => Math.exp(x) / total],
      [new LogSoftmax(0), (x) => x - Math.log(total)],
    ])("are torch's: %s", (layer, f) =>
      withoutLeaks(async () => {
        const x = values(own).make(1, device);
        const got = layer.forward(x);
        await close(got, own.map(f));
        dispose([x, got]);
      }),
    );
  });

  it("Flatten joins dims, and Unflatten cuts one", () => {
    using x = zeros([2, 6, 2, 3], { device });
    const shapeOf = (y: Tensor): readonly number[] => {
      using made = y;
      return made.shape;
    };
    expect(shapeOf(new Flatten().forward(x))).toEqual([2, 36]);
    expect(shapeOf(new Flatten(0, -2).forward(x))).toEqual([24, 3]);
    expect(shapeOf(new Unflatten(1, [2, -1]).forward(x))).toEqual([2, 2, 3, 2, 3]);
    expect(shapeOf(new Unflatten(-1, [3, 1]).forward(x))).toEqual([2, 6, 2, 3, 1]);
    expect(() => new Unflatten(1, [4, 2]).forward(x)).toThrow(ShapeError);
    expect(() => new Unflatten(1, [])).toThrow(ShapeError);
    expect([new Unflatten(1, [2, 3]), new Flatten()].join(" ")).toBe(
      "Unflatten(dim=1, sizes=[2, 3]) Flatten(startDim=1, endDim=-1)",
    );
  });
});
