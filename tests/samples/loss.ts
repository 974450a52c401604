import type * as family from "@tessera/tensor/ops/loss";
import { ints, normal, normalOf, uniform, values } from "../support/generate.ts";
import { sums, type SampleTable } from "../support/sample.ts";

const list = (...data: number[]) => values(data, [data.length], "int32");
const some = list(0, 3, -100, 6, 2, -100, 1, 1);

export const lossTolerance = sums;
export const lossSamples = {
  crossEntropy: [
    { args: [normal(8, 7), some] },
    { args: [normal(8, 7), some, { reduction: "sum" }] },
    { args: [normal(8, 7), some, { reduction: "none" }] },
    { args: [normal(8, 7), some, { labelSmoothing: 0.1 }], note: "smoothing" },
    { args: [normal(8, 7), some, { labelSmoothing: 0.3, reduction: "none" }], note: "smoothing" },
    { args: [normal(4, 5), ints(0, 5, 4), { labelSmoothing: 1 }], note: "nothing but smoothing" },
    { args: [normal(4, 5), list(1, 4, 1, 0), { ignoreIndex: 1 }], note: "a class is ignored" },
    { args: [normal(3, 16), ints(0, 16, 3)], note: "a multiple of the lane width" },
    { args: [normal(3, 1), ints(0, 1, 3)], note: "one class" },
    { args: [normal(5, 129), ints(0, 129, 5), { labelSmoothing: 0.1 }], note: "not a multiple of the lane width" },
    { args: [normal(19, 4099), ints(0, 4099, 19)], note: "several tasks" },
    {
      args: [normalOf(1000, 3, 4, 9), ints(0, 9, 4)],
      note: "large logits",
      noGradient: "float32 logits of this size move in steps of 6e-5",
    },
    { args: [normalOf(0, 60, 4, 9), ints(0, 9, 4), { reduction: "none" }], note: "far apart" },
    {
      args: [values([0, -Infinity, 1, 2, 3, -Infinity], [2, 3]), list(0, 1)],
      note: "impossible classes",
      noGradient: "infinite",
    },
    { args: [normal(2, 3), list(-100, -100)], note: "the mean of nothing", noGradient: "NaN" },
    { args: [normal(2, 3), list(-100, -100), { reduction: "sum" }], note: "the sum of nothing" },
    { args: [normal(7), values([4], [], "int32")], note: "one row" },
    { args: [normal(2, 5, 3, 4), ints(0, 5, 2, 3, 4), { reduction: "none" }], note: "classes before other dims" },
    { args: [normal(2, 5, 3), ints(0, 5, 2, 3)], note: "classes before another dim" },
    { args: [normal(6, 5).transposed, ints(0, 5, 6).strided], note: "views" },
    { args: [normal(0, 5), ints(0, 5, 0), { reduction: "sum" }], note: "no rows" },
    {
      args: [normal(2, 5), list(1, 5)],
      throws: /crossEntropy: target 5 is outside \[0, 5\) and is not ignoreIndex \(-100\)/,
    },
    {
      args: [normal(2, 5), list(1, -1)],
      throws: /crossEntropy: target -1 is outside \[0, 5\) and is not ignoreIndex \(-100\)/,
    },
    {
      args: [normal(2, 5), ints(0, 5, 3)],
      throws: /crossEntropy: expected logits \[n, classes, …\] and a target \[n, …\], got \[2, 5\] and \[3\]/,
    },
    { args: [normal(8, 7), some, { weight: uniform(0.2, 2, 7) }], note: "weights" },
    { args: [normal(8, 7), some, { weight: uniform(0.2, 2, 7), labelSmoothing: 0.2 }], note: "weights, smoothing" },
    {
      args: [normal(2, 5, 3), ints(0, 5, 2, 3), { weight: uniform(0.2, 2, 5), reduction: "none" }],
      note: "weights, a dim more",
    },
    { args: [normal(8, 7), some, { weight: uniform(0.2, 2, 7), reduction: "sum" }], note: "weights, their sum" },
    { args: [normal(4, 5), uniform(0, 1, 4, 5)], note: "probabilities" },
    {
      args: [
        normal(2, 5, 3),
        uniform(0, 1, 2, 5, 3),
        { weight: uniform(0.2, 2, 5), labelSmoothing: 0.2, reduction: "none" },
      ],
      note: "probabilities, weights, smoothing",
    },
    { args: [normal(5), uniform(0, 1, 5), { reduction: "sum" }], note: "probabilities of one row" },
    {
      args: [normal(2, 5), ints(0, 5, 2), { weight: normal(4) }],
      throws: /^crossEntropy: a weight for each class of \[2, 5\] expected, got \[4\]; the classes are dim 1$/,
    },
    { args: [normal(2, 5), normal(2)], throws: /crossEntropy: the target is int32 class numbers, got float32/ },
    { args: [ints(0, 3, 2, 5), ints(0, 5, 2)], throws: /crossEntropy: the logits are float32, got int32/ },
    { args: [normal(2, 0), ints(0, 1, 2)], throws: /crossEntropy: expected at least one class, got logits \[2, 0\]/ },
    {
      args: [normal(2, 5), ints(0, 5, 2), { labelSmoothing: 1.5 }],
      throws: /crossEntropy: labelSmoothing is from 0 to 1, got 1.5/,
    },
  ],
} satisfies SampleTable<typeof family>;
