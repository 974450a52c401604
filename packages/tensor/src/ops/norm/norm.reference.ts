import type { Data, ReferenceKernel } from "../../op.ts";
import { numel } from "../../shape.ts";
import type {
  AddLayerNormSignature,
  LayerNormBackwardSignature,
  LayerNormSignature,
  RmsNormBackwardSignature,
  RmsNormSignature,
} from "./norm.ts";

/** Rows, and the elements of each. */
const sizes = ({ layout: { shape } }: Data, dims: number): { rows: number; n: number } => {
  const at = shape.length - dims;
  return { rows: numel(shape.slice(0, at)), n: numel(shape.slice(at)) };
};

/** mean f(i) over the n elements of a row. */
const mean = (n: number, f: (i: number) => number): number => {
  let total = 0;
  for (let i = 0; i < n; i++) total += f(i);
  return total / n;
};

/** y = (x − μ) / √(σ² + eps) · weight + bias. */
export const layerNormReference: ReferenceKernel<LayerNormSignature> = (
  [x, weight, bias],
  [y, shift, rstd],
  { dims, eps },
) => {
  const { rows, n } = sizes(x, dims);
  for (let r = 0; r < rows; r++) {
    const at = r * n;
    const first = x.values[at]!;
    const shifted = mean(n, (i) => x.values[at + i]! - first);
    const variance = mean(n, (i) => (x.values[at + i]! - first - shifted) ** 2);
    const scale = 1 / Math.sqrt(variance + eps);
    for (let i = 0; i < n; i++)
      y.values[at + i] =
        (x.values[at + i]! - first - shifted) * scale * (weight?.values[i] ?? 1) + (bias?.values[i] ?? 0);
    if (shift) shift.values[r] = shifted;
    if (rstd) rstd.values[r] = scale;
  }
};

/** layerNorm of x + residual. */
export const addLayerNormReference: ReferenceKernel<AddLayerNormSignature> = (
  [x, residual, weight, bias],
  [y, sum, shift, rstd],
  attrs,
) => {
  const added: Data = { layout: x.layout, values: new Float32Array(x.values.length) };
  for (const [i, value] of x.values.entries()) added.values[i] = value + residual.values[i]!;
  sum?.values.set(added.values);
  layerNormReference([added, weight, bias], [y, shift, rstd], attrs, {});
};

/** y = x / √(mean x² + eps) · weight. */
export const rmsNormReference: ReferenceKernel<RmsNormSignature> = ([x, weight], [y, rstd], { dims, eps }) => {
  const { rows, n } = sizes(x, dims);
  for (let r = 0; r < rows; r++) {
    const at = r * n;
    const scale = 1 / Math.sqrt(mean(n, (i) => x.values[at + i]! ** 2) + eps);
    for (let i = 0; i < n; i++) y.values[at + i] = x.values[at + i]! * scale * (weight?.values[i] ?? 1);
    if (rstd) rstd.values[r] = scale;
  }
};

interface BackwardInputs {
  readonly dy: Data;
  readonly x: Data;
  readonly weight: Data | null;
  readonly shift: Data | null;
  readonly rstd: Data;
}

/**
 * With x̂ the normalised x and g = dy · weight: dx = rstd (g − mean g − x̂ mean(g x̂)), dWeight = Σ_rows dy x̂, dBias = Σ_rows dy.
 * Without `shift` nothing was centred, and mean g is left out.
 */
const backward = (
  { dy, x, weight, shift, rstd }: BackwardInputs,
  [dx, dWeight, dBias]: readonly [dx: Data, dWeight: Data, dBias: Data | null],
  dims: number,
): void => {
  const { rows, n } = sizes(x, dims);
  const [weights, biases] = [new Float64Array(n), new Float64Array(n)];
  for (let r = 0; r < rows; r++) {
    const at = r * n;
    const origin = shift ? x.values[at]! : 0;
    const offset = shift ? shift.values[r]! : 0;
    const scale = rstd.values[r]!;
    const hat = (i: number): number => (x.values[at + i]! - origin - offset) * scale;
    const g = (i: number): number => dy.values[at + i]! * (weight?.values[i] ?? 1);
    const meanG = shift ? mean(n, g) : 0;
    const meanGHat = mean(n, (i) => g(i) * hat(i));
    for (let i = 0; i < n; i++) {
      weights[i]! += dy.values[at + i]! * hat(i);
      biases[i]! += dy.values[at + i]!;
      dx.values[at + i] = scale * (g(i) - meanG - hat(i) * meanGHat);
    }
  }
  dWeight.values.set(weights);
  dBias?.values.set(biases);
};

export const layerNormBackwardReference: ReferenceKernel<LayerNormBackwardSignature> = (
  [dy, x, weight, shift, rstd],
  outputs,
  { dims },
) => backward({ dy, x, weight, shift, rstd }, outputs, dims);

export const rmsNormBackwardReference: ReferenceKernel<RmsNormBackwardSignature> = (
  [dy, x, weight, rstd],
  [dx, dWeight],
  { dims },
) => backward({ dy, x, weight, shift: null, rstd }, [dx, dWeight, null], dims);
