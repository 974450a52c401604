import { adamStep, gelu, globalNorm, ones, tensor, zeros, type Tensor } from "@tessera/tensor";
import { run, withRecorder, type Recorder } from "@tessera/tensor/extend";
import { geluBackward } from "@tessera/tensor/ops/elementwise";
import { crossEntropyBackwardOp, crossEntropyOp } from "@tessera/tensor/ops/loss";
import { checkEntries, near, UNIT_ROUNDOFF } from "../check.ts";
import { logSumExp, normalDensity, normalDistribution } from "../cpu/float64-rows.ts";
import type { PreparedOp } from "../prepared-op.ts";
import { indices, manyNormals } from "../random-data.ts";
import { countOf } from "./model-sizes.ts";

/** As if a tape watched: an op keeps what its gradient reads. */
const watching: Recorder = { wants: () => true, record: () => {} };
const CROSS_ENTROPY = { ignoreIndex: -100, labelSmoothing: 0 };
const ADAM = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01, decoupled: true } as const;
const LR = 1e-3;

/** x Φ(x), within 3·10⁻⁶ |y| + 2·10⁻⁸: what the kernels state, and nearer than WGSL's own division allows to promise. */
export const geluOf = (rows: number, columns: number): PreparedOp => {
  const n = rows * columns;
  const host = manyNormals(n, 1);
  const x = tensor(host, [rows, columns]);
  return {
    bytes: 8 * n,
    inputs: [x],
    compute: () => gelu(x),
    check: (got) =>
      checkEntries("gelu", got, n, (at) => {
        const value = host[at]! * normalDistribution(host[at]!);
        return { value, bound: 3e-6 * Math.abs(value) + 2e-8 };
      }),
  };
};

/** dy (Φ(x) + x φ(x)), the derivative within 10⁻⁶. */
export const geluBackwardOf = (rows: number, columns: number): PreparedOp => {
  const n = rows * columns;
  const host = { x: manyNormals(n, 1), dy: manyNormals(n, 2) };
  const [x, dy] = [tensor(host.x, [rows, columns]), tensor(host.dy, [rows, columns])];
  return {
    bytes: 12 * n,
    inputs: [x, dy],
    compute: () => geluBackward(dy, x),
    check: (got) =>
      checkEntries("gelu backward", got, n, (at) => {
        const [a, b] = [host.x[at]!, host.dy[at]!];
        const value = b * (normalDistribution(a) + a * normalDensity(a));
        return { value, bound: 1e-6 * Math.abs(b) + UNIT_ROUNDOFF * Math.abs(value) };
      }),
  };
};

/** The losses of rows of logits and the logits' gradient: they are read twice and written once. */
export const crossEntropyBothWays = (rows: number, classes: number): PreparedOp => {
  const host = { logits: manyNormals(rows * classes, 1, 2), target: indices(rows, classes, 5) };
  const logits = tensor(host.logits, [rows, classes]);
  const target = tensor(host.target);
  const dloss = ones([rows]);
  return {
    bytes: 12 * rows * classes,
    inputs: [logits, target, dloss],
    compute: () => {
      const [, lse] = withRecorder(watching, () => run(crossEntropyOp, [logits, target], CROSS_ENTROPY));
      return run(crossEntropyBackwardOp, [dloss, logits, target, lse!], CROSS_ENTROPY)[0];
    },
    check: (got) =>
      checkEntries(
        "cross-entropy, both ways",
        got,
        rows * classes,
        (at) => {
          const [row, column] = [Math.floor(at / classes), at % classes];
          const line = host.logits.subarray(row * classes, (row + 1) * classes);
          const isTarget = host.target[row] === column ? 1 : 0;
          return near(Math.exp(line[column]! - logSumExp(line)) - isTarget, 256);
        },
        50,
      ),
  };
};

/** A step of AdamW on all tensors of a model: parameter, gradient and two moments are read, all but the gradient written. */
export const adamwOnModel = (shapes: readonly (readonly number[])[]): PreparedOp => {
  const host = shapes.map((shape, i) => {
    const count = countOf([shape]);
    return { shape, parameter: manyNormals(count, 2 * i), grad: manyNormals(count, 2 * i + 1) };
  });
  const state = host.map(({ shape, parameter, grad }) => ({
    parameter: tensor(parameter, shape),
    grad: tensor(grad, shape),
    m: zeros(shape),
    v: zeros(shape),
  }));
  const [count, scale] = [zeros([], { dtype: "int32" }), ones([])];
  // Neither the first, which is the largest, nor a vector.
  const looked = 1;
  return {
    bytes: 28 * countOf(shapes),
    inputs: [...state.flatMap(({ parameter, grad, m, v }) => [parameter, grad, m, v]), count, scale],
    compute: () => {
      adamStep(state, { count, scale, lr: LR }, ADAM);
      return state[looked]!.parameter.alias();
    },
    // After one step both moments, with their corrections, are those of the gradient itself.
    check: (got) =>
      checkEntries("adamw", got, host[looked]!.parameter.length, (at) => {
        const [p, g] = [host[looked]!.parameter[at]!, host[looked]!.grad[at]!];
        return near(p * (1 - LR * ADAM.weightDecay) - (LR * g) / (Math.abs(g) + ADAM.eps), 8, LR);
      }),
  };
};

/** The norm of all gradients of a model: each is read once. */
export const normOnModel = (shapes: readonly (readonly number[])[]): PreparedOp => {
  const host = shapes.map((shape, i) => manyNormals(countOf([shape]), i));
  const tensors: Tensor[] = shapes.map((shape, i) => tensor(host[i]!, shape));
  return {
    bytes: 4 * countOf(shapes),
    inputs: tensors,
    compute: () => globalNorm(tensors),
    check: (got) => {
      let squares = 0;
      for (const values of host) for (const value of values) squares += value * value;
      // Partial sums of a few thousand squares, then sums of those.
      checkEntries("norm of all gradients", got, 1, () => near(Math.sqrt(squares), 256));
    },
  };
};
