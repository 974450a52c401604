import { vjp } from "@tessera/autograd";
import { bceWithLogits, BCEWithLogitsLoss, CrossEntropyLoss, mseLoss, MSELoss } from "@tessera/nn";
import { crossEntropy, dispose, tensor } from "@tessera/tensor";
import { expect, it } from "vitest";
import { conformance } from "../support/conformance.ts";
import { normal, uniform, values } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";
import type { SampleTable } from "../support/sample.ts";

const reductions = (["mean", "sum", "none"] as const).map((reduction) => ({ reduction }));

const samples = {
  mseLoss: [
    ...reductions.map((options) => ({ args: [normal(3, 5), normal(3, 5), options] as const })),
    { args: [normal(), normal()], note: "0-d" },
    { args: [normal(0, 3), normal(0, 3), { reduction: "sum" }], note: "no elements" },
    { args: [normal(6, 4).transposed, normal(6, 4).strided], note: "views" },
    {
      args: [normal(3, 1), normal(3)],
      throws: /mseLoss: expected an input and a target of one shape, got \[3, 1\] and \[3\]; reshape or expand one/,
    },
  ],
  bceWithLogits: [
    ...reductions.map((options) => ({ args: [normal(3, 5), uniform(0, 1, 3, 5), options] as const })),
    { args: [values([-80, -1, 0.5, 80]), values([0, 1, 0, 1])], note: "large logits" },
    { args: [normal(6, 4).transposed, uniform(0, 1, 6, 4).strided], note: "views" },
    {
      args: [normal(3), normal(1)],
      throws: /bceWithLogits: expected an input and a target of one shape, got \[3\] and \[1\]/,
    },
  ],
} satisfies SampleTable<{ mseLoss: typeof mseLoss; bceWithLogits: typeof bceWithLogits }>;

conformance("losses", { mseLoss, bceWithLogits }, samples, {
  forward: { relative: 1e-5 },
  gradient: { relative: 1e-4 },
});

onEveryDevice(() => {
  it("bceWithLogits neither overflows nor loses what is small", () =>
    withoutLeaks(async () => {
      const logits = tensor([1e4, -1e4, 30, -30, 0]);
      const target = tensor([0, 1, 1, 0, 1]);
      const losses = bceWithLogits(logits, target, { reduction: "none" });
      const got = await losses.data();
      expect([got[0], got[1]]).toEqual([1e4, 1e4]);
      // log1p(e^−30) is e^−30.
      expect(got[2]! / Math.exp(-30)).toBeCloseTo(1, 5);
      expect(got[3]! / Math.exp(-30)).toBeCloseTo(1, 5);
      const pulled = vjp((x) => bceWithLogits(x, target, { reduction: "sum" }), logits);
      const one = tensor(1);
      const [dx] = pulled.pullback(one);
      // σ(x) − t
      const slope = await dx!.data();
      expect([slope[0], slope[1], slope[4]]).toEqual([1, -1, -0.5]);
      dispose([logits, target, losses, pulled.value, one, dx]);
    }));

  it("the modules are the functions with their options", () =>
    withoutLeaks(async () => {
      const [x, y] = [
        tensor([
          [1, -2, 3],
          [0.5, 0, -1],
        ]),
        tensor([
          [0, 1, 1],
          [1, 0, 0],
        ]),
      ];
      const classes = tensor(new Int32Array([2, 7]));
      const pairs = [
        [new MSELoss({ reduction: "sum" }).forward(x, y), mseLoss(x, y, { reduction: "sum" })],
        [new BCEWithLogitsLoss({ reduction: "none" }).forward(x, y), bceWithLogits(x, y, { reduction: "none" })],
        [
          new CrossEntropyLoss({ ignoreIndex: 7, labelSmoothing: 0.1, reduction: "sum" }).forward(x, classes),
          crossEntropy(x, classes, { ignoreIndex: 7, labelSmoothing: 0.1, reduction: "sum" }),
        ],
      ] as const;
      for (const [module, plain] of pairs) expect(await module.data()).toEqual(await plain.data());
      // ln Σe^x − x₂ with a tenth of the target spread over three classes.
      const [a, b, c] = [1, -2, 3].map(Math.exp) as [number, number, number];
      const logs = [1, -2, 3].map((logit) => Math.log(a + b + c) - logit);
      expect(await pairs[2][0].item()).toBeCloseTo(
        0.9 * logs[2]! + (0.1 / 3) * logs.reduce((total, log) => total + log, 0),
        5,
      );
      expect(new CrossEntropyLoss().toString()).toBe(
        'CrossEntropyLoss(ignoreIndex=-100, labelSmoothing=0, reduction="mean")',
      );
      dispose([x, y, classes, pairs.flat()]);
    }));
});
