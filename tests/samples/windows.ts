import type * as family from "@tessera/nn/ops/windows";
import { bools, ints, normal } from "../support/generate.ts";
import type { SampleTable } from "../support/sample.ts";

export const windowsTolerance = { forward: { relative: 1e-6 }, gradient: { relative: 1e-6 } } as const;
export const windowsSamples = {
  windows: [
    { args: [normal(7), 0, 3] },
    { args: [normal(2, 9, 5), 1, 3, { step: 2 }], note: "what is left over" },
    { args: [normal(2, 9, 5), 1, 2, { step: 3, dilation: 2 }], note: "dilated" },
    { args: [normal(3, 8), -1, 2, { step: 2 }], note: "side by side" },
    { args: [normal(3, 9, 2), 1, 2, { step: 2 }], note: "side by side, one left over" },
    { args: [normal(3, 9), 1, 2, { step: 4 }], note: "with gaps" },
    { args: [normal(6, 9).transposed, 0, 4], note: "a view" },
    { args: [normal(2, 6, 40, 3).transposed, 2, 5], note: "a view, rows in the middle" },
    { args: [ints(0, 9, 2, 6), 1, 3], note: "int32" },
    { args: [bools(0.5, 6), 0, 3], note: "bool" },
    { args: [normal(0, 6), 1, 3], note: "nothing" },
    { args: [normal(40, 3, 33), 2, 9], note: "several tasks" },
    {
      args: [normal(4), 0, 3, { dilation: 2 }],
      throws: /^windows: expected at least 5 elements at dim 0 for a window of 3/,
    },
    { args: [normal(4), 1, 3], throws: /^windows: dim 1 is outside/ },
    { args: [normal(4), 0, 0], throws: /^windows: size is a whole number from 1 up, got 0/ },
    { args: [normal(), 0, 1], throws: /^windows: a 0-d tensor has no dim to cut/ },
  ],
  overlapAdd: [
    { args: [normal(3, 5), 0, { n: 7 }] },
    { args: [normal(2, 3, 4, 5), 1, { n: 10, step: 2 }], note: "one left over" },
    { args: [normal(2, 2, 3, 4), 1, { n: 9, step: 3, dilation: 2 }], note: "dilated" },
    { args: [normal(4, 3, 70).transposed, 1, { n: 72 }], note: "a view" },
    { args: [normal(5, 4, 3, 7).transposed, 1, { n: 6 }], note: "a view, rows behind" },
    { args: [normal(6, 3, 50, 33), 1, { n: 52 }], note: "several tasks" },
    { args: [normal(0, 3, 5), 1, { n: 7 }], note: "nothing" },
    { args: [ints(0, 9, 3, 5), 0, { n: 7 }], throws: /^overlapAdd: expected float32, got int32/ },
    { args: [normal(3), 0, { n: 3 }], throws: /^overlapAdd: expected windows at dims 0 and 1, got \[3\]/ },
  ],
} satisfies SampleTable<typeof family>;
