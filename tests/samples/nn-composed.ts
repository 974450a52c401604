import type * as composed from "@tessera/nn/internal/ops/composed";
import { distinct, ints, normal, values } from "../support/generate.ts";
import type { SampleTable } from "../support/sample.ts";

/** Samples of the functions that `@tessera/nn` makes of ops. */
export const nnComposedSamples = {
  conv2d: [
    { args: [normal(2, 3, 7, 6), normal(4, 3, 3, 3), normal(4)] },
    { args: [normal(2, 3, 7, 6), normal(4, 3, 3, 2), normal(4), { stride: 2, padding: [1, 0] }], note: "strides" },
    {
      args: [normal(2, 4, 8, 9), normal(6, 2, 3, 3), null, { groups: 2, dilation: 2, padding: 2 }],
      note: "groups, dilated",
    },
    {
      args: [normal(1, 4, 5, 5), normal(8, 1, 3, 3), normal(8), { groups: 4, padding: "same" }],
      note: "by channel, same",
    },
    { args: [normal(1, 2, 5, 6), normal(3, 2, 2, 4), null, { padding: "same", dilation: [1, 2] }], note: "same, odd" },
    { args: [normal(2, 3, 4, 4), normal(5, 3, 1, 1), normal(5)], note: "one by one" },
    { args: [normal(2, 3, 8, 8), normal(5, 3, 4, 4), normal(5), { stride: 4, padding: "valid" }], note: "patches" },
    { args: [normal(3, 5, 5), normal(2, 3, 3, 3)], note: "without a batch" },
    { args: [normal(2, 3, 5, 4).transposed, normal(2, 3, 3, 3).transposed], note: "views" },
    { args: [normal(4, 8, 16, 16), normal(16, 8, 3, 3), normal(16), { padding: 1 }], note: "several tasks" },
    { args: [normal(0, 3, 5, 5), normal(2, 3, 3, 3), normal(2)], note: "no images" },
    {
      args: [normal(2, 3, 5, 5), normal(4, 2, 3, 3)],
      throws: /^conv2d: expected 2 channels for 1 groups and the weight \[4, 2, 3, 3\], got 3/,
    },
    {
      args: [normal(2, 4, 5, 5), normal(3, 2, 3, 3), null, { groups: 2 }],
      throws: /^conv2d: expected groups that divide the 3 outputs/,
    },
    { args: [normal(2, 3, 2, 5), normal(4, 3, 3, 3)], throws: /^conv2d: expected an input of at least 3 × 3/ },
    { args: [normal(2, 3, 5, 5), normal(4, 3, 3, 3), normal(3)], throws: /^conv2d: expected a bias \[4\], got \[3\]/ },
    {
      args: [normal(2, 3, 5, 5), normal(4, 3, 3, 3), null, { padding: "same", stride: 2 }],
      throws: /^conv2d: padding "same" is for a stride of 1/,
    },
    {
      args: [normal(2, 3, 5, 5), normal(4, 3, 3, 3), null, { stride: 0 }],
      throws: /^conv2d: stride is a whole number from 1 up, got 0/,
    },
    { args: [normal(5, 5), normal(4, 3, 3, 3)], throws: /^conv2d: expected \[batch, channels, height, width\] or/ },
    { args: [ints(0, 9, 2, 3, 5, 5), normal(4, 3, 3, 3)], throws: /^conv2d: expected float32, got int32 for x/ },
  ],
  conv1d: [
    { args: [normal(2, 3, 9), normal(4, 3, 3), normal(4)] },
    {
      args: [normal(2, 4, 9), normal(4, 2, 3), normal(4), { stride: 2, padding: 2, dilation: 2, groups: 2 }],
      note: "all options",
    },
    { args: [normal(3, 9), normal(4, 3, 4), null, { padding: "same" }], note: "without a batch, same" },
    {
      args: [normal(2, 3, 9), normal(4, 3, 1, 3)],
      throws: /^conv1d: expected a weight \[out, in \/ groups, kernel\], got \[4, 3, 1, 3\]/,
    },
    {
      args: [normal(2, 3, 9), normal(4, 2, 3)],
      throws: /^conv1d: expected 2 channels for 1 groups and the weight \[4, 2, 3\]/,
    },
  ],
  maxPool2d: [
    { args: [distinct(2, 3, 6, 7), 2] },
    { args: [distinct(2, 3, 7, 7), 3, { stride: 2, padding: 1 }], note: "padding" },
    { args: [distinct(1, 2, 9, 8), [3, 2], { stride: [2, 1], dilation: [2, 3], padding: [1, 1] }], note: "dilated" },
    { args: [distinct(2, 2, 7, 6), 3, { stride: 2, ceilMode: true }], note: "ceil" },
    { args: [distinct(2, 2, 7, 5), 3, { stride: 4, padding: 1, ceilMode: true }], note: "ceil, the last one outside" },
    { args: [distinct(2, 6, 6), 2], note: "without a batch" },
    { args: [distinct(2, 3, 6, 5).transposed, 2], note: "a view" },
    { args: [values([1, 1, 2, NaN, 1, 1, 2, 2], [1, 1, 2, 4]), 2], note: "equal ones, NaN", noGradient: "NaN" },
    { args: [distinct(8, 8, 32, 32), 2], note: "several tasks", noGradient: "float32 steps are too large for so many" },
    { args: [normal(0, 3, 6, 6), 2], note: "no images" },
    {
      args: [normal(1, 3, 6, 6), 2, { padding: 2 }],
      throws: /^maxPool2d: padding is up to half of the kernel, got 2 for 2/,
    },
    {
      args: [normal(1, 3, 2, 6), 3],
      throws: /^maxPool2d: expected planes that a window of 3 × 3 fits into, got \[2, 6\]/,
    },
    {
      args: [normal(1, 1, 3, 3), 2, { padding: 1, dilation: 4 }],
      throws: /^maxPool2d: window 0 of \[2, 2\].* has no element/,
    },
    { args: [ints(0, 9, 1, 3, 6, 6), 2], throws: /^maxPool2d: expected float32, got int32/ },
  ],
  maxPool1d: [
    { args: [distinct(2, 3, 9), 3] },
    { args: [distinct(2, 3, 9), 3, { stride: 2, padding: 1, dilation: 2, ceilMode: true }], note: "all options" },
    { args: [distinct(3, 9), 2], note: "without a batch" },
    {
      args: [normal(9), 2],
      throws: /^maxPool1d: expected \[batch, channels, length\] or \[channels, length\], got \[9\]/,
    },
  ],
  avgPool2d: [
    { args: [normal(2, 3, 6, 7), 2] },
    { args: [normal(2, 3, 7, 7), 3, { stride: 2, padding: 1 }], note: "padding" },
    {
      args: [normal(2, 3, 7, 7), 3, { stride: 2, padding: 1, countIncludePad: false }],
      note: "padding does not count",
    },
    { args: [normal(2, 2, 7, 6), [3, 2], { stride: 2, padding: [1, 1], ceilMode: true }], note: "ceil" },
    { args: [normal(2, 2, 7, 6), 3, { divisorOverride: 2 }], note: "another divisor" },
    { args: [normal(2, 6, 6), 3, { stride: 1 }], note: "without a batch, overlapping" },
    { args: [normal(2, 3, 6, 5).transposed, 2], note: "a view" },
    {
      args: [normal(1, 3, 6, 6), 2, { divisorOverride: 0 }],
      throws: /^avgPool2d: divisorOverride is a number other than 0/,
    },
    { args: [normal(1, 3, 6, 6), 2, { padding: 2 }], throws: /^avgPool2d: padding is up to half of the kernel/ },
  ],
  avgPool1d: [
    { args: [normal(2, 3, 9), 3] },
    {
      args: [normal(2, 3, 9), 3, { stride: 2, padding: 1, countIncludePad: false, ceilMode: true }],
      note: "all options",
    },
    { args: [normal(3, 9), 2], note: "without a batch" },
  ],
  groupNorm: [
    { args: [normal(2, 6, 5), 3, { weight: normal(6), bias: normal(6) }] },
    { args: [normal(2, 4, 3, 3), 1], note: "one group" },
    { args: [normal(4, 2, 3, 3).transposed, 2, { weight: normal(2), eps: 1e-3 }], note: "a group a channel, a view" },
    { args: [normal(3, 8), 2, { bias: normal(8) }], note: "no places" },
    { args: [normal(2, 6, 5), 4], throws: /^groupNorm: expected groups that divide 6 channels, got 4/ },
    { args: [normal(2, 6, 5), 3, { weight: normal(5) }], throws: /^groupNorm: expected weight \[6\], got \[5\]/ },
    { args: [normal(6), 3], throws: /^groupNorm: expected x \[batch, channels, …\], got \[6\]/ },
  ],
  unfold: [
    { args: [normal(2, 3, 5, 6), [2, 3]] },
    { args: [normal(2, 3, 7, 8), 3, { stride: 2, padding: 1, dilation: [1, 2] }], note: "all options" },
    { args: [normal(3, 6, 6), 2, { stride: 2 }], note: "without a batch, patches" },
    { args: [normal(2, 3, 2, 2), 3], throws: /^unfold: expected at least 3 elements at dim 2 for a window of 3/ },
  ],
  fold: [
    { args: [normal(2, 18, 16), [5, 6], [2, 3]] },
    { args: [normal(2, 18, 16), [7, 8], [3, 2], { stride: 2, padding: 1, dilation: [1, 2] }], note: "all options" },
    { args: [normal(12, 9), 6, 2, { stride: 2 }], note: "without a batch, patches" },
    {
      args: [normal(2, 12, 15), [5, 6], 2],
      throws: /^fold: expected columns \[batch, channels · 4, 4 · 5\] for an image of \[5, 6\]/,
    },
  ],
} satisfies SampleTable<typeof composed>;
