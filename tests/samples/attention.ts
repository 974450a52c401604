import type * as family from "@tessera/tensor/ops/attention";
import { bools, ints, normal, normalOf, seeded, values } from "../support/generate.ts";
import { sums, type SampleTable } from "../support/sample.ts";

export const attentionTolerance = sums;
export const attentionSamples = {
  scaledDotProductAttention: [
    { args: [normal(2, 3, 5, 8), normal(2, 3, 6, 8), normal(2, 3, 6, 8)] },
    { args: [normal(1, 2, 5, 8), normal(1, 2, 5, 8), normal(1, 2, 5, 8), { isCausal: true }], note: "causal" },
    { args: [normal(4, 3), normal(5, 3), normal(5, 6)], note: "no leading dims, values of another width" },
    { args: [normal(3, 4, 5), normal(3, 7, 5), normal(3, 7, 5)], note: "one leading dim" },
    { args: [normal(2, 2, 2, 3, 4), normal(2, 2, 2, 3, 4), normal(2, 2, 2, 3, 4)], note: "three leading dims" },
    { args: [normal(2, 1, 3, 4), normal(1, 3, 5, 4), normal(5, 4)], note: "leading dims that stretch" },
    { args: [normal(1, 1, 1, 1), normal(1, 1, 1, 1), normal(1, 1, 1, 1)], note: "one of everything" },
    { args: [normal(1, 2, 64, 32), normal(1, 2, 64, 32), normal(1, 2, 64, 32)], note: "full tiles" },
    { args: [normal(1, 1, 65, 33), normal(1, 1, 63, 33), normal(1, 1, 63, 7)], note: "one more and one less" },
    { args: [normal(7, 5, 3, 4), normal(7, 5, 4, 4), normal(7, 5, 4, 4)], note: "more heads than backward tasks" },
    { args: [normal(1, 1, 34, 64), normal(1, 1, 35, 64), normal(1, 1, 35, 64)], note: "64 features" },
    {
      args: [normal(1, 2, 5, 65), normal(1, 2, 33, 65), normal(1, 2, 33, 65), { isCausal: true }],
      note: "65 features, causal",
    },
    {
      args: [normal(2, 1, 9, 128), normal(2, 1, 9, 128), normal(2, 1, 9, 128), { attnMask: bools(0.7, 2, 1, 1, 9) }],
      note: "128 features, padding mask",
    },
    {
      args: [normal(1, 1, 34, 64), normal(1, 1, 35, 64), normal(1, 1, 35, 66), { dropoutP: 0.2, generator: seeded(8) }],
      note: "64 features and values of 66, dropout",
    },
    {
      args: [normal(1, 1, 130, 4), normal(1, 1, 131, 4), normal(1, 1, 131, 4), { isCausal: true }],
      note: "causal over several rounds of queries",
    },
    {
      args: [normal(1, 1, 3, 4), normal(1, 1, 9, 4), normal(1, 1, 9, 4), { isCausal: true }],
      note: "causal, more keys than queries",
    },
    { args: [normal(2, 2, 6, 5).transposed, normal(2, 2, 7, 5).strided, normal(2, 2, 7, 5).transposed], note: "views" },
    {
      args: [normal(2, 2, 5, 4), normal(2, 2, 6, 4), normal(2, 2, 6, 4), { attnMask: bools(0.7, 2, 1, 1, 6) }],
      note: "padding mask",
    },
    {
      args: [normal(2, 2, 5, 4), normal(2, 2, 6, 4), normal(2, 2, 6, 4), { attnMask: bools(0.7, 5, 6) }],
      note: "one mask for all heads",
    },
    {
      args: [
        normal(2, 2, 5, 4),
        normal(2, 2, 6, 4),
        normal(2, 2, 6, 4),
        { attnMask: bools(0.7, 2, 2, 5, 6).transposed },
      ],
      note: "a mask for each head, as a view",
    },
    {
      args: [normal(3, 5, 4), normal(3, 6, 4), normal(3, 6, 4), { attnMask: bools(0.7, 3, 1, 6) }],
      note: "padding mask, one leading dim",
    },
    {
      args: [
        normal(2, 2, 2, 3, 4),
        normal(2, 2, 2, 3, 4),
        normal(2, 2, 2, 3, 4),
        { attnMask: bools(0.7, 2, 1, 1, 1, 3) },
      ],
      note: "padding mask, three leading dims",
    },
    {
      args: [
        normal(1, 1, 3, 4),
        normal(1, 1, 2, 4),
        normal(1, 1, 2, 4),
        { attnMask: values([1, 0, 0, 0, 1, 1], [3, 2], "bool") },
      ],
      note: "a query that attends to nothing gets zeros",
    },
    {
      args: [
        normal(2, 2, 6, 4),
        normal(2, 2, 6, 4),
        normal(2, 2, 6, 4),
        { attnMask: values([1, 1, 1, 1, 0, 0, 0, 1, 0, 1, 1, 0], [2, 1, 1, 6], "bool"), skipPaddedQueries: true },
      ],
      note: "padded queries skipped",
    },
    {
      args: [
        normal(3, 140, 5),
        normal(3, 140, 5),
        normal(3, 140, 5),
        {
          attnMask: values(
            Array.from({ length: 3 * 140 }, (_, i) => Number(i % 140 < [140, 71, 0][Math.floor(i / 140)]!)),
            [3, 1, 140],
            "bool",
          ),
          skipPaddedQueries: true,
        },
      ],
      note: "padded queries skipped, whole rounds and a whole sequence of them",
    },
    {
      args: [
        normal(1, 2, 40, 4),
        normal(1, 2, 40, 4),
        normal(1, 2, 40, 4),
        { attnMask: bools(0.5, 1, 2, 1, 40), isCausal: true, skipPaddedQueries: true },
      ],
      note: "padded queries skipped, differently in each head, causal",
    },
    {
      args: [
        normal(2, 2, 2, 3, 4),
        normal(2, 2, 2, 3, 4),
        normal(2, 2, 2, 3, 4),
        { attnMask: bools(0.5, 2, 1, 1, 1, 3), skipPaddedQueries: true },
      ],
      note: "padded queries skipped, three leading dims",
    },
    {
      args: [normal(1, 1, 3, 4), normal(1, 1, 3, 4), normal(1, 1, 3, 4), { skipPaddedQueries: true }],
      note: "nothing to skip without a mask",
    },
    {
      args: [normal(1, 2, 4, 3), normal(1, 2, 5, 3), normal(1, 2, 5, 3), { attnMask: normal(4, 5) }],
      note: "a float mask is added",
    },
    {
      args: [
        normal(2, 2, 4, 3),
        normal(2, 2, 4, 3),
        normal(2, 2, 4, 3),
        { attnMask: normal(2, 1, 1, 4), isCausal: true },
      ],
      note: "both masks",
    },
    { args: [normal(1, 1, 4, 3), normal(1, 1, 4, 3), normal(1, 1, 4, 3), { scale: -0.5 }], note: "a scale" },
    {
      args: [normalOf(0, 6, 1, 1, 9, 8), normalOf(0, 6, 1, 1, 9, 8), normal(1, 1, 9, 8)],
      note: "scores whose exponentials overflow",
      noGradient: "too steep for differences",
    },
    { args: [normal(1, 2, 3, 4), normal(1, 2, 0, 4), normal(1, 2, 0, 4)], note: "no keys: zeros" },
    { args: [normal(1, 2, 0, 4), normal(1, 2, 3, 4), normal(1, 2, 3, 4)], note: "no queries" },
    {
      args: [normal(2, 3, 5, 8), normal(2, 3, 6, 8), normal(2, 3, 6, 8), { dropoutP: 0.3, generator: seeded(1) }],
      note: "dropout",
    },
    {
      args: [normal(1, 2, 37, 5), normal(1, 2, 71, 5), normal(1, 2, 71, 7), { dropoutP: 0.1, generator: seeded(2) }],
      note: "dropout over several tiles",
    },
    {
      args: [
        normal(1, 1, 131, 4),
        normal(1, 1, 131, 4),
        normal(1, 1, 131, 4),
        { dropoutP: 0.5, isCausal: true, generator: seeded(2 ** 40 + 3) },
      ],
      note: "dropout, causal over several rounds of queries",
    },
    {
      args: [
        normal(2, 2, 9, 4),
        normal(2, 2, 9, 4),
        normal(2, 2, 9, 4),
        {
          attnMask: values([1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1], [2, 1, 1, 9], "bool"),
          skipPaddedQueries: true,
          dropoutP: 0.4,
          generator: seeded(3),
        },
      ],
      note: "dropout, padded queries skipped",
    },
    {
      args: [
        normal(2, 3, 7, 4).transposed,
        normal(2, 3, 9, 4).strided,
        normal(2, 3, 9, 4),
        { attnMask: bools(0.7, 7, 9), dropoutP: 0.4, generator: seeded(4) },
      ],
      note: "dropout, views and a mask of pairs",
    },
    {
      args: [
        normal(1, 2, 4, 3),
        normal(1, 2, 5, 3),
        normal(1, 2, 5, 3),
        { attnMask: normal(4, 5), isCausal: true, dropoutP: 0.25, generator: seeded(5) },
      ],
      note: "dropout, a float mask and its gradient",
    },
    {
      args: [normal(3, 4), normal(5, 4), normal(5, 4), { dropoutP: 1, generator: seeded(6) }],
      note: "everything dropped: zeros",
    },
    {
      args: [normal(1, 2, 3, 4), normal(1, 2, 0, 4), normal(1, 2, 0, 4), { dropoutP: 0.5, generator: seeded(7) }],
      note: "dropout of no keys",
    },
    {
      args: [normal(3, 4), normal(3, 4), normal(3, 4), { dropoutP: 1.5 }],
      throws: /attention: a probability dropoutP is between 0 and 1, got 1\.5/,
    },
    {
      args: [normal(3, 4), normal(3, 4), normal(3, 4), { attnMask: bools(0.5, 3, 3), skipPaddedQueries: true }],
      throws:
        /attention: expected a bool mask \[\.\.\., 1, keys\] and as many queries as keys for skipPaddedQueries, got bool \[3, 3\], 3 and 3; leave it out/,
    },
    {
      args: [normal(3, 4), normal(2, 4), normal(2, 4), { attnMask: bools(0.5, 1, 2), skipPaddedQueries: true }],
      throws: /for skipPaddedQueries, got bool \[1, 2\], 3 and 2; leave it out/,
    },
    {
      args: [normal(3, 4), normal(3, 5), normal(3, 5)],
      throws: /attention: expected k as wide as q \(4\), got width 5; transpose or reshape/,
    },
    {
      args: [normal(3, 4), normal(3, 4), normal(2, 4)],
      throws: /attention: expected as many values as keys \(3\), got 2; transpose or reshape/,
    },
    {
      args: [normal(4), normal(3, 4), normal(3, 4)],
      throws: /attention: expected q, k, v \[\.\.\., tokens, features\], got \[4\], \[3, 4\], \[3, 4\]/,
    },
    {
      args: [normal(2, 3, 4), normal(3, 3, 4), normal(3, 3, 4)],
      throws: /attention: shapes \[2\] and \[3\] and \[3\] do not broadcast/,
    },
    {
      args: [normal(3, 4), ints(0, 3, 3, 4), normal(3, 4)],
      throws: /attention: k is float32, got int32; cast\(k, "float32"\) first\?/,
    },
    {
      args: [normal(3, 4), normal(3, 4), normal(3, 4), { attnMask: ints(0, 2, 3, 3) }],
      throws: /attention: the mask is bool \(true = attend\) or float32 \(added\), got int32; compare or cast it/,
    },
    {
      args: [normal(1, 1, 3, 4), normal(1, 1, 5, 4), normal(1, 1, 5, 4), { attnMask: bools(0.5, 2, 1, 3, 5) }],
      throws:
        /attention: expected a mask that stretches to \[\.\.\., queries, keys\] \[1, 1, 3, 5\], got \[2, 1, 3, 5\]; transpose or reshape/,
    },
  ],
} satisfies SampleTable<typeof family>;
