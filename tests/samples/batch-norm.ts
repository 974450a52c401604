import type * as family from "@tessera/nn/ops/batch-norm";
import { ints, normal, normalOf, uniform, values } from "../support/generate.ts";
import { sums, type SampleTable } from "../support/sample.ts";

export const batchNormTolerance = sums;
export const batchNormSamples = {
  batchNorm: [
    { args: [normalOf(1, 2, 4, 3, 5, 7), { weight: normal(3), bias: normal(3) }] },
    { args: [normalOf(1, 2, 6, 5), { weight: normal(5), bias: normal(5) }], note: "no places" },
    { args: [normal(6, 8).transposed, { weight: normal(8) }], note: "no bias, channels in rows" },
    { args: [normal(3, 4, 10).transposed, { bias: normal(4) }], note: "no weight, a view" },
    { args: [normal(2, 3, 9).strided], note: "neither, a view with gaps" },
    { args: [normal(3, 1, 4)], note: "one channel" },
    {
      args: [normalOf(1000, 1e-2, 4, 3, 8), { weight: normal(3), eps: 1e-12 }],
      note: "a large mean, a small variance",
      noGradient: "too steep for differences",
    },
    {
      args: [values([1e4, 1, 2, 3, 1, 2, 3, 2], [2, 1, 4])],
      note: "a first element far out",
      noGradient: "flat for differences",
    },
    { args: [values([5, 5, 5, 5], [2, 1, 2])], note: "a constant channel", noGradient: "too steep for differences" },
    { args: [normal(70, 6, 600), { weight: normal(6), bias: normal(6) }], note: "several parts" },
    { args: [normal(3000, 21), { weight: normal(21), bias: normal(21) }], note: "several parts, no places" },
    { args: [normal(2, 2, 40000)], note: "more places than a task" },
    {
      args: [normal(4, 3, 5), { weight: normal(3), bias: normal(3), mean: normal(3), variance: uniform(0.5, 2, 3) }],
      note: "fixed statistics",
    },
    { args: [normal(4, 9), { mean: normal(9), variance: uniform(0.5, 2, 9) }], note: "fixed, no places" },
    { args: [normal(0, 3, 2), { mean: normal(3), variance: uniform(0.5, 2, 3) }], note: "fixed, nothing" },
    { args: [normal(5)], throws: /^batchNorm: expected x \[batch, channels, …\], got \[5\]/ },
    {
      args: [normal(1, 3)],
      throws: /^batchNorm: expected at least two elements of each channel for statistics, got \[1, 3\]/,
    },
    { args: [normal(4, 3), { weight: normal(4) }], throws: /^batchNorm: expected weight \[3\], got \[4\]/ },
    { args: [normal(4, 3), { mean: normal(3) }], throws: /^batchNorm: expected a mean and a variance, or neither/ },
    { args: [ints(0, 9, 4, 3)], throws: /^batchNorm: expected float32, got int32 for x/ },
    { args: [normal(4, 3), { eps: -1 }], throws: /^batchNorm: eps is a number from 0 up, got -1/ },
  ],
  batchNormWithStatistics: [
    { args: [normal(4, 3, 5)], noGradient: "statistics have none" },
    { args: [normalOf(1e4, 1, 33, 20)], note: "no places, a large mean", noGradient: "statistics have none" },
    { args: [normal(1, 3)], throws: /^batchNorm: expected at least two elements/ },
  ],
  runningStatistics: [
    {
      args: [
        { mean: normal(5), variance: uniform(0.5, 2, 5) },
        { mean: normal(5), variance: uniform(0.5, 2, 5), batches: values([3], [], "int32") },
        { momentum: 0.1, samples: 8 },
      ],
      noGradient: "not differentiable",
    },
    {
      args: [
        { mean: normal(300), variance: uniform(0.5, 2, 300) },
        { mean: normal(300).strided, variance: uniform(0.5, 2, 300), batches: values([3], [], "int32") },
        { momentum: null, samples: 2 },
      ],
      note: "the mean over batches",
      noGradient: "not differentiable",
    },
    {
      args: [
        { mean: normal(5), variance: normal(4) },
        { mean: normal(5), variance: normal(5), batches: values([3], [], "int32") },
        { momentum: 0.1, samples: 8 },
      ],
      throws: /^runningStatistics: expected float32 \[5\], got float32 \[4\]/,
    },
    {
      args: [
        { mean: normal(5), variance: normal(5) },
        { mean: normal(5), variance: normal(5), batches: normal(1) },
        { momentum: 0.1, samples: 8 },
      ],
      throws: /^runningStatistics: expected batches as int32 \[\], got float32 \[1\]/,
    },
  ],
} satisfies SampleTable<typeof family>;
