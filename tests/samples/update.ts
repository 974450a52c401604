import type * as family from "@tessera/tensor/ops/update";
import { ints, normal, uniform, values } from "../support/generate.ts";
import type { FamilyTolerance, SampleTable } from "../support/sample.ts";

const adam = (...shape: number[]) => ({
  parameter: normal(...shape),
  grad: normal(...shape),
  m: normal(...shape),
  v: uniform(0, 1, ...shape),
});
const sgd = (...shape: number[]) => ({ parameter: normal(...shape), grad: normal(...shape), buffer: normal(...shape) });
const step = (scale: number, lr = 0.1) => ({ count: ints(0, 9), scale: values([scale], []), lr });
const decay = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.05, decoupled: true };
const momentum = { momentum: 0.9, dampening: 0.1, weightDecay: 0.05, nesterov: false };
const inPlace = "not differentiable";

/** Steps write in place and give nothing: what is compared is what they were given, after them. */
/** Steps of size 0.1 from values of size 1, by quotients of moments. */
export const updateTolerance = {
  forward: { relative: 2e-6 },
  gradient: { relative: 1e-4 },
} as const satisfies FamilyTolerance;
export const updateSamples = {
  adamStep: [
    { args: [[adam(5, 7), adam(3), adam(1)], step(0.5), decay], noGradient: inPlace },
    { args: [[adam(20000), adam(0, 4)], step(1), { ...decay, decoupled: false }], note: "Adam", noGradient: inPlace },
    {
      args: [[{ ...adam(4), grad: values([1e25, -1e25, 1e18, 1]) }], step(1), decay],
      note: "a gradient whose square float32 does not hold",
      noGradient: inPlace,
    },
    { args: [[adam(6)], step(NaN), decay], note: "a scale that is not finite", noGradient: inPlace },
    {
      args: [[adam(3), { ...adam(2, 3), grad: normal(3, 2) }], step(1), decay],
      throws: /adam: parameter 1 is \[2, 3\], its gradient or state \[3, 2\]; they have one shape/,
    },
  ],
  sgdStep: [
    { args: [[sgd(5, 7), sgd(3)], step(0.5), { ...momentum, momentum: 0 }], note: "plain", noGradient: inPlace },
    { args: [[sgd(5, 7), sgd(20000)], step(0.5), momentum], note: "momentum", noGradient: inPlace },
    { args: [[sgd(33)], step(1), { ...momentum, nesterov: true }], note: "Nesterov", noGradient: inPlace },
    { args: [[sgd(6)], step(Infinity), momentum], note: "a scale that is not finite", noGradient: inPlace },
    {
      args: [[{ ...sgd(4), buffer: normal(5) }], step(1), momentum],
      throws: /sgdMomentum: parameter 0 is \[4\], its gradient or state \[5\]; they have one shape/,
    },
  ],
  globalNorm: [
    { args: [[normal(5, 7), normal(3), normal(20000)]] },
    { args: [[normal(9, 5).transposed, normal(7).strided, normal(0, 4)]], note: "views, and nothing" },
    { args: [[values([3, -4])]], note: "one" },
    { args: [[values([0, 0])]], note: "of zero", noGradient: "a corner" },
  ],
} satisfies SampleTable<typeof family>;
