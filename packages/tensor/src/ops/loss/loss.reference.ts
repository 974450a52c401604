import { IndexError } from "../../error.ts";
import type { Data, ReferenceKernel } from "../../op.ts";
import type { CrossEntropyAttrs, CrossEntropyBackwardSignature, CrossEntropySignature } from "./loss.ts";

/** What is said of a target that is no class. */
export const noClass = (target: number, classes: number, ignoreIndex: number): string =>
  `crossEntropy: target ${target} is outside [0, ${classes}) and is not ignoreIndex (${ignoreIndex})`;

/** Calls `visit` for each row that counts, with its logits less their maximum, and ln Σ exp of those. */
const forEachRow = (
  logits: Data,
  target: Data,
  { ignoreIndex }: CrossEntropyAttrs,
  visit: (row: number, t: number, shifted: Float64Array, log: number, max: number) => void,
): void => {
  const classes = logits.layout.shape[1]!;
  for (const [row, t] of target.values.entries()) {
    if (t === ignoreIndex) continue;
    if (t < 0 || t >= classes) throw new IndexError(noClass(t, classes, ignoreIndex));
    const x = Float64Array.from(logits.values.subarray(row * classes, (row + 1) * classes));
    const max = x.reduce((a, value) => Math.max(a, value), -Infinity);
    const shifted = x.map((value) => value - max);
    visit(row, t, shifted, Math.log(shifted.reduce((sum, value) => sum + Math.exp(value), 0)), max);
  }
};

/** loss = −Σ_c q_c ln softmax(x)_c with q = 1 − ε at the target, plus ε / classes everywhere; 0 where it is ignored. */
export const crossEntropyReference: ReferenceKernel<CrossEntropySignature> = ([logits, target], [loss, lse], attrs) => {
  const { labelSmoothing } = attrs;
  loss.values.fill(0);
  lse?.values.fill(0);
  forEachRow(logits, target, attrs, (row, t, shifted, log, max) => {
    // Without smoothing a logit of −∞ elsewhere must not become 0 · ∞.
    const even =
      labelSmoothing > 0 ? (labelSmoothing * shifted.reduce((sum, value) => sum + value, 0)) / shifted.length : 0;
    loss.values[row] = log - ((1 - labelSmoothing) * shifted[t]! + even);
    if (lse) lse.values[row] = max + log;
  });
};

/** dx_c = dloss · (softmax(x)_c − q_c); lse is not needed. */
export const crossEntropyBackwardReference: ReferenceKernel<CrossEntropyBackwardSignature> = (
  [dloss, logits, target],
  [dlogits],
  attrs,
) => {
  const { labelSmoothing } = attrs;
  dlogits.values.fill(0);
  forEachRow(logits, target, attrs, (row, t, shifted, log) => {
    const classes = shifted.length;
    for (const [c, value] of shifted.entries()) {
      const q = labelSmoothing / classes + (c === t ? 1 - labelSmoothing : 0);
      dlogits.values[row * classes + c] = dloss.values[row]! * (Math.exp(value - log) - q);
    }
  });
};
