import { composed, families } from "@tessera/tensor/families";
import { samples } from "../samples/all.ts";
import { composedSamples } from "../samples/composed.ts";
import { conformance, conformanceOfAll, type FamilyTolerance } from "../support/conformance.ts";

// float32 functions are within a few units in the last place; sums and products grow errors with their length.
const each = { forward: { each: 1e-5 }, gradient: { each: 1e-5 } } as const;
const sums = { forward: { relative: 1e-5 }, gradient: { relative: 1e-4 } } as const;
const exact = { forward: "equal", gradient: "equal" } as const;
// Steps of size 0.1 from values of size 1, by quotients of moments.
const steps = { forward: { relative: 2e-6 }, gradient: { relative: 1e-4 } } as const;

const tolerances = {
  elementwise: each,
  reduce: sums,
  move: exact,
  random: each,
  index: sums,
  loss: sums,
  attention: sums,
  matmul: sums,
  norm: sums,
  softmax: sums,
  update: steps,
} satisfies { readonly [F in keyof typeof families]: FamilyTolerance };

conformanceOfAll(families, samples, tolerances);
conformance("composed", composed, composedSamples, sums);
