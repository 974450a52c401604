import { valueAndGrad, vjp } from "@tessera/autograd";
import { distillationLoss, klDiv, KLDivLoss, softCrossEntropy } from "@tessera/nn";
import { dispose, logSoftmax, Parameter, scope, softmax, tensor, type Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { conformance } from "../support/conformance.ts";
import { normal, uniform } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";
import type { SampleTable } from "../support/sample.ts";

const reductions = (["mean", "sum", "none"] as const).map((reduction) => ({ reduction }));
const samples = {
  klDiv: [
    ...reductions.map((options) => ({ args: [normal(3, 5), uniform(0.1, 1, 3, 5), options] as const })),
    { args: [normal(3, 5), normal(3, 5), { reduction: "batchMean", logTarget: true }] },
    { args: [normal(6, 4).transposed, uniform(0.1, 1, 6, 4).strided], note: "views" },
    { args: [normal(3, 1), normal(3)], throws: /klDiv: expected an input and a target of one shape/ },
  ],
  softCrossEntropy: [
    ...reductions.map((options) => ({ args: [normal(3, 5), uniform(0, 1, 3, 5), options] as const })),
    { args: [normal(2, 3, 4), uniform(0, 1, 2, 3, 4)], note: "more dims" },
    { args: [normal(3, 5), uniform(0, 1, 5)], throws: /softCrossEntropy: expected an input and a target of one shape/ },
  ],
} satisfies SampleTable<{ klDiv: typeof klDiv; softCrossEntropy: typeof softCrossEntropy }>;

conformance("losses of distributions", { klDiv, softCrossEntropy }, samples, {
  forward: { relative: 1e-5 },
  gradient: { relative: 1e-4 },
});

/** ln softmax(x / T) of rows, in float64. */
const logProbabilities = (rows: readonly (readonly number[])[], temperature: number): number[][] =>
  rows.map((row) => {
    const scaled = row.map((x) => x / temperature);
    const total = Math.log(scaled.reduce((sum, x) => sum + Math.exp(x), 0));
    return scaled.map((x) => x - total);
  });

const pupil = [
  [1, -2, 0.5],
  [0.25, 3, -1],
];
const master = [
  [2, 0, -1],
  [-0.5, 1, 1.5],
];

/** T² · KL of each row. */
const softRows = (temperature: number): number[] => {
  const [p, q] = [logProbabilities(master, temperature), logProbabilities(pupil, temperature)];
  return p.map((row, r) => temperature ** 2 * row.reduce((sum, lp, c) => sum + Math.exp(lp) * (lp - q[r]![c]!), 0));
};

onEveryDevice(() => {
  describe("distillationLoss", () => {
    it.each([1, 2, 5])("is T² times the divergence of softened distributions, at T = %d", (temperature) =>
      withoutLeaks(async () => {
        const [student, teacher] = [tensor(pupil), tensor(master)];
        const loss = distillationLoss(student, teacher, { temperature });
        const [a, b] = softRows(temperature) as [number, number];
        expect(await loss.item()).toBeCloseTo((a + b) / 2, 5);
        dispose([student, teacher, loss]);
      }),
    );

    it("counts the rows of a mask, and no others", () =>
      withoutLeaks(async () => {
        const given = [tensor(pupil), tensor(master), tensor([false, true]), tensor([0, 1])] as const;
        const [student, teacher, bool, numbers] = given;
        for (const mask of [bool, numbers]) {
          const loss = distillationLoss(student, teacher, { mask });
          expect(await loss.item()).toBeCloseTo(softRows(2)[1]!, 5);
          loss.dispose();
        }
        dispose(given);
      }));

    it("teaches the student and leaves the teacher alone", () =>
      withoutLeaks(async () => {
        const [student, teacher] = [new Parameter(tensor(pupil)), new Parameter(tensor(master))];
        const both = {
          namedParameters: () =>
            new Map([
              ["student", student],
              ["teacher", teacher],
            ] as const),
        };
        const { value, grads } = valueAndGrad(both, () => distillationLoss(student, teacher, { temperature: 4 }))();
        // d/dz_s = T · (softmax(z_s/T) − softmax(z_t/T)), a mean over two rows
        const [q, p] = [logProbabilities(pupil, 4), logProbabilities(master, 4)];
        const want = q.flatMap((row, r) => row.map((lq, c) => (4 * (Math.exp(lq) - Math.exp(p[r]![c]!))) / 2));
        const got = await grads.get("student")!.data();
        for (const [i, one] of want.entries()) expect(got[i]).toBeCloseTo(one, 5);
        expect([...(await grads.get("teacher")!.data())]).toEqual([0, 0, 0, 0, 0, 0]);
        value.dispose();
        grads.dispose();
        dispose([student, teacher]);
      }));

    it("matches hidden states, of a deeper teacher at even distances, where a mask says so", () =>
      withoutLeaks(async () => {
        const state = (...rows: number[][]): Tensor => tensor([rows]);
        const student = { logits: tensor(pupil), hiddenStates: [state([1, 2], [0, 0]), state([3, 3], [9, 9])] };
        const teacher = {
          logits: tensor(pupil),
          hiddenStates: [state([1, 4], [7, 7]), state([100, 100], [0, 0]), state([3, 4], [0, 0])],
        };
        const hiddenMask = tensor([[1, 0]]);
        const loss = distillationLoss(student, teacher, { hidden: 0.5, hiddenMask });
        // Layers 0 and 2, row 0: mean (0, 4) = 2 and mean (0, 1) = 0.5, their mean 1.25; the logits agree.
        expect(await loss.item()).toBeCloseTo(0.5 * 1.25, 6);
        dispose([loss, hiddenMask, student.logits, teacher.logits, ...student.hiddenStates, ...teacher.hiddenStates]);
      }));

    it("refuses what does not fit, by text", () =>
      withoutLeaks(() =>
        scope(() => {
          const [student, teacher] = [tensor(pupil), tensor(master)];
          expect(() => distillationLoss(student, teacher, { temperature: 0 })).toThrow(
            "distillationLoss: expected a temperature above 0, got 0",
          );
          expect(() => distillationLoss(student, teacher, { hidden: -1 })).toThrow(
            "distillationLoss: expected a weight of hidden states of 0 or more, got -1",
          );
          expect(() => distillationLoss(student, { hiddenStates: [] })).toThrow(
            "distillationLoss: expected logits in the output of both models, got none of the teacher; ask its forward for them",
          );
          expect(() => distillationLoss(student, tensor([[1, 2]]))).toThrow(
            "distillationLoss: expected an input and a target of one shape, got [2, 3] and [1, 2]",
          );
          expect(() => distillationLoss(student, teacher, { mask: tensor([1, 0, 1]) })).toThrow(
            "distillationLoss: expected a mask [2] of the rows, got [3]",
          );
        }),
      ));
  });

  it("klDiv and softCrossEntropy are torch's: no term where the target is 0, and the entropy apart", () =>
    withoutLeaks(async () => {
      const [logits, target] = [tensor(pupil), tensor([[1, 0, 0], [0.25, 0.75, 0]])]; // prettier-ignore
      const q = logProbabilities(pupil, 1);
      const cross = -(q[0]![0]! + 0.25 * q[1]![0]! + 0.75 * q[1]![1]!);
      const entropy = -(0.25 * Math.log(0.25) + 0.75 * Math.log(0.75));
      const results = scope(() => [
        softCrossEntropy(logits, target, { reduction: "sum" }),
        klDiv(logSoftmax(logits), target, { reduction: "sum" }),
        new KLDivLoss({ reduction: "batchMean" }).forward(logSoftmax(logits), target),
        klDiv(logSoftmax(logits), target),
      ]);
      const got = await Promise.all(results.map((x) => x.item()));
      for (const [i, want] of [cross, cross - entropy, (cross - entropy) / 2, (cross - entropy) / 6].entries())
        expect(got[i]).toBeCloseTo(want, 5);
      const pull = vjp((x: Tensor) => softCrossEntropy(x, target, { reduction: "sum" }), logits);
      const [dx] = scope(() => pull.pullback(tensor(1)));
      const soft = softmax(logits);
      const [slope, p, t] = await Promise.all([dx!.data(), soft.data(), target.data()]);
      for (const [i, one] of slope.entries()) expect(one).toBeCloseTo(p[i]! - t[i]!, 5);
      dispose([...results, pull.value, dx!, soft, logits, target]);
    }));
});
