// Every family but the elementwise one with an edge among ordinary numbers, in each operand: values and gradients against the reference.
import { composed, families } from "@tessera/tensor/families";
import { samples, tolerances } from "../samples/all.ts";
import { composedSamples } from "../samples/composed.ts";
import { conformanceTogether } from "../support/conformance.ts";
import { placedEdges } from "../support/edges.ts";

// Elementwise ops meet every pair of edges in edges.test.ts; what is random has no operands at edges.
const { elementwise: _, random: __, ...others } = families;

/** Ops that multiply and sum: of the largest numbers that leaves float32, where the reference's float64 holds it. */
const products = new Set("softmaxBackward layerNorm addLayerNorm rmsNorm globalNorm adamStep sgdStep".split(" "));

/** Where an op is defined, by operand; docs/edges.md says what is left out. */
const isIn = (edge: number, name: string, operand: number): boolean => {
  const size = Math.abs(edge);
  if (products.has(name) && size > 1e38 && size < Infinity) return false;
  // The square of a gradient, an average of squares.
  if (name === "adamStep" && operand < 12 && operand % 4 === 3) return !(edge < 0 || Object.is(edge, -0));
  // No finite query or key so large that the rounding of its scores is all of the gradient, and no value that dy · v leaves float32 by.
  if (name === "scaledDotProductAttention") return !(size >= (operand < 2 ? 1e30 : 1e38) && size < Infinity);
  // What is left of an angle so many turns away is not a float32's to tell on webgpu, as for sin and cos.
  if (name === "tan") return !(size > 1e5 && size < Infinity);
  // Its gradient is a sum of quotients, whose parts leave float32 on webgpu.
  if (name === "remainder" && operand === 1) return size === 0 || !(size < 1e-30);
  return true;
};

for (const [family, functions] of Object.entries(others) as [keyof typeof others, object][])
  conformanceTogether(`${family} with an edge`, functions, placedEdges(samples[family], isIn), tolerances[family]);
conformanceTogether("composed with an edge", composed, placedEdges(composedSamples, isIn), tolerances.reduce);
