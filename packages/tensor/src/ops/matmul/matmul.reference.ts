import type { Data, ReferenceKernel } from "../../op.ts";
import { broadcastStrides, contiguousStrides, numel } from "../../shape.ts";
import { forEachElement } from "../move/copy.reference.ts";
import { activations, tokensOf } from "./epilogue.ts";
import type { AddmmSignature, LinearSignature, MatmulSignature } from "./matmul.ts";

/** C[b, i, j] = Σ_k A[b, i, k] · B[b, k, j], summed in float64. */
export const matmulReference: ReferenceKernel<MatmulSignature> = ([a, b], [c]) => multiply(a, b, null, c);

/** The same, plus input[b, i, j]. */
export const addmmReference: ReferenceKernel<AddmmSignature> = ([a, b, input], [c]) => multiply(a, b, input, c);

const multiply = (a: Data, b: Data, input: Data | null, c: Data): void => {
  const batch = c.layout.shape.slice(0, -2);
  const [m, k] = a.layout.shape.slice(-2) as [number, number];
  const n = b.layout.shape.at(-1)!;
  const startsOfA = batchStarts(a, batch);
  const startsOfB = batchStarts(b, batch);
  for (const [entry, startA] of startsOfA.entries())
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        const at = (entry * m + i) * n + j;
        let total = input ? input.values[at]! : 0;
        for (let p = 0; p < k; p++) total += a.values[startA + i * k + p]! * b.values[startsOfB[entry]! + p * n + j]!;
        c.values[at] = total;
      }
};

/** Where each matrix of an operand starts, its leading dims broadcast to `batch`. */
const batchStarts = ({ layout }: Data, batch: readonly number[]): Int32Array => {
  const shape = layout.shape.slice(0, -2);
  const strides = broadcastStrides({ shape, strides: contiguousStrides(layout.shape).slice(0, -2) }, batch);
  const starts = new Int32Array(numel(batch));
  forEachElement({ shape: batch, strides, offset: 0, dtype: "float32" }, (i, at) => {
    starts[i] = at;
  });
  return starts;
};

/** pre[r, o] = Σ_k x[r, k] · W[o, k] + b[o], summed in float64, and y = f(pre). */
export const linearReference: ReferenceKernel<LinearSignature> = ([x, weight, bias], [y, pre], { activation }) => {
  const [outputs, inputs] = weight.layout.shape as [number, number];
  for (let r = 0, tokens = tokensOf(x.layout); r < tokens; r++)
    for (let o = 0; o < outputs; o++) {
      let total = bias ? bias.values[o]! : 0;
      for (let k = 0; k < inputs; k++) total += x.values[r * inputs + k]! * weight.values[o * inputs + k]!;
      y.values[r * outputs + o] = activations[activation](total);
      if (pre) pre.values[r * outputs + o] = total;
    }
};
