import type * as family from "@tessera/tensor/ops/random";
import { normal, seeded } from "../support/generate.ts";
import { each, type SampleTable } from "../support/sample.ts";

const sizes = [[5], [16], [3, 7], [16385], [2, 0], []] as const;
const badShape = { args: [[-1]] as const, throws: /: sizes are whole numbers from 0 up, got \[-1\]/ };

export const randomTolerance = each;
export const randomSamples = {
  rand: [
    ...sizes.map((shape) => ({
      args: [shape, { generator: seeded(7) }] as const,
      within: "equal" as const,
      note: `${shape.length}-d`,
    })),
    badShape,
  ],
  randn: [
    // The stated error of normal numbers.
    ...sizes.map((shape) => ({
      args: [shape, { generator: seeded(2 ** 40 + 3) }] as const,
      within: { relative: 2e-6 / 4 } as const,
    })),
    badShape,
  ],
  randint: [
    { args: [-5, 6, [1000], { generator: seeded(3) }], within: "equal" },
    { args: [3, 3, [2]], throws: /randint: a range of 1 to 2\^24 whole numbers expected, got \[3, 3\)/ },
  ],
  bernoulli: [
    { args: [0.3, [4, 33], { generator: seeded(5) }], within: "equal" },
    { args: [1.5, [2]], throws: /bernoulli: a probability is between 0 and 1, got 1.5/ },
  ],
  dropout: [
    { args: [normal(3, 7), { p: 0.4, generator: seeded(1) }] },
    { args: [normal(17000), { p: 0.1, generator: seeded(2) }], note: "over one task" },
    { args: [normal(6, 5).transposed, { p: 0.5, generator: seeded(3) }], note: "transposed view" },
    { args: [normal(4), { p: 0.5, training: false, generator: seeded(4) }], note: "not in training" },
    { args: [normal(4), { p: 1, generator: seeded(4) }], note: "everything" },
    { args: [normal(4), { p: -0.1 }], throws: /dropout: a probability is between 0 and 1, got -0.1/ },
  ],
} satisfies SampleTable<typeof family>;
