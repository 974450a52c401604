import type { Data, ReferenceKernel } from "../../op.ts";
import { broadcastStrides, contiguousStrides, numel } from "../../shape.ts";
import { erf } from "../elementwise/special.ts";
import { forEachElement } from "../move/copy.reference.ts";
import type {
  Activation,
  ActivatedLinearSignature,
  AddmmSignature,
  LinearSignature,
  MatmulSignature,
} from "./matmul.ts";

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

/** Calls `visit(i, Σ_k x[r, k] · W[o, k] + b[o])` for each element i = (r, o) of the output, summed in float64. */
const forEachSum = (x: Data, weight: Data, bias: Data | null, visit: (i: number, sum: number) => void): void => {
  const [outputs, inputs] = weight.layout.shape as [number, number];
  const rows = numel(x.layout.shape.slice(0, -1));
  for (let r = 0; r < rows; r++)
    for (let o = 0; o < outputs; o++) {
      let total = bias ? bias.values[o]! : 0;
      for (let k = 0; k < inputs; k++) total += x.values[r * inputs + k]! * weight.values[o * inputs + k]!;
      visit(r * outputs + o, total);
    }
};

/** y = x Wᵀ + b. */
export const linearReference: ReferenceKernel<LinearSignature> = ([x, weight, bias], [y]) =>
  forEachSum(x, weight, bias, (i, total) => {
    y.values[i] = total;
  });

/** y = f(x Wᵀ + b), and what f was given. */
export const activatedLinearReference: ReferenceKernel<ActivatedLinearSignature> = (
  [x, weight, bias],
  [y, pre],
  { activation },
) =>
  forEachSum(x, weight, bias, (i, total) => {
    y.values[i] = activations[activation](total);
    if (pre) pre.values[i] = total;
  });

const activations: { readonly [A in Activation]: (x: number) => number } = {
  relu: (x) => (x <= 0 ? 0 : x),
  // x Φ(x)
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  geluTanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
};
