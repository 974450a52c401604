import {
  adamStep,
  add,
  clone,
  dropout,
  exp,
  gelu,
  Generator,
  layerNorm,
  ones,
  scope,
  softmax,
  tensor,
  zeros,
  type Tensor,
} from "@tessera/tensor";
import { run } from "@tessera/tensor/extend";
import { geluBackward } from "@tessera/tensor/ops/elementwise";
import { softmaxBackward } from "@tessera/tensor/ops/softmax";
import { crossEntropyBackwardOp, crossEntropyOp } from "@tessera/tensor/ops/loss";
import { layerNormBackwardOp } from "@tessera/tensor/ops/norm";
import { CheckError, checkEntries, near, type Expected } from "../check.ts";
import { embeddingBackward, embeddingForward } from "../embedding-ops.ts";
import type { PreparedOp } from "../prepared-op.ts";
import { indices, manyNormals, normals } from "../random-data.ts";
import type { SimpleOp } from "../rivals/rival.ts";
import {
  geluTanh,
  inner,
  layerNormGradient,
  logSumExp,
  momentsOf,
  normalDensity,
  normalDistribution,
} from "./float64-rows.ts";

/** A memory-bound op on a matrix. */
export interface RowOp {
  readonly name: string;
  /** The same op of a rival; for `add` it is x + x. */
  readonly rival?: SimpleOp;
  prepare(rows: number, columns: number): PreparedOp;
}

const VOCABULARY = 4096;
export const NORM_EPS = 1e-5;
const DROPPED = 0.1;
const ADAM = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01, decoupled: true } as const;
const LR = 1e-3;
const CROSS_ENTROPY = { ignoreIndex: -100, labelSmoothing: 0 };

const rowAt = (values: Float32Array, index: number, columns: number): Float32Array => {
  const start = index - (index % columns);
  return values.subarray(start, start + columns);
};

/** An op on x, and perhaps dy, with a result of equal size. */
const elementwise = (
  name: string,
  arrays: 1 | 2,
  compute: (x: Tensor, dy: Tensor) => Tensor,
  expected: (at: number, x: Float32Array, dy: Float32Array, columns: number) => Expected,
  rival?: SimpleOp,
): RowOp => ({
  name,
  ...(rival ? { rival } : {}),
  prepare: (rows, columns) => {
    const n = rows * columns;
    const [hostX, hostDy] = [manyNormals(n, 1), manyNormals(arrays === 2 ? n : 1, 2)];
    const x = tensor(hostX, [rows, columns]);
    const dy = arrays === 2 ? tensor(hostDy, [rows, columns]) : x;
    return {
      bytes: 4 * n * (arrays + 1),
      inputs: arrays === 2 ? [x, dy] : [x],
      compute: () => compute(x, dy),
      check: (got) => checkEntries(name, got, n, (at) => expected(at, hostX, hostDy, columns)),
    };
  },
});

const softmaxAt = (row: Float32Array, column: number): number => Math.exp(row[column]! - logSumExp(row));

const layerNormForward: RowOp = {
  name: "layer norm",
  prepare: (rows, columns) => {
    const n = rows * columns;
    const host = { x: manyNormals(n, 1), weight: normals(columns, 3), bias: normals(columns, 4) };
    const [x, weight, bias] = [tensor(host.x, [rows, columns]), tensor(host.weight), tensor(host.bias)];
    return {
      bytes: 8 * n,
      inputs: [x, weight, bias],
      compute: () => layerNorm(x, [columns], { weight, bias, eps: NORM_EPS }),
      check: (got) =>
        checkEntries("layer norm", got, n, (at) => {
          const { mean, rstd } = momentsOf(rowAt(host.x, at, columns), NORM_EPS);
          return near((host.x[at]! - mean) * rstd * host.weight[at % columns]! + host.bias[at % columns]!, 32, 1);
        }),
    };
  },
};

const layerNormBackward: RowOp = {
  name: "layer norm backward",
  prepare: (rows, columns) => {
    const n = rows * columns;
    const host = { x: manyNormals(n, 1), dy: manyNormals(n, 2), weight: normals(columns, 3) };
    const moments = Array.from({ length: rows }, (_, row) =>
      momentsOf(rowAt(host.x, row * columns, columns), NORM_EPS),
    );
    const inputs = [
      tensor(host.dy, [rows, columns]),
      tensor(host.x, [rows, columns]),
      tensor(host.weight),
      // The forward keeps the mean less the row's first element.
      tensor(Float32Array.from(moments, ({ mean }, row) => mean - host.x[row * columns]!)),
      tensor(Float32Array.from(moments, ({ rstd }) => rstd)),
    ] as const;
    return {
      bytes: 12 * n,
      inputs,
      compute: () => run(layerNormBackwardOp, [...inputs], { dims: 1 })[0],
      check: (got) =>
        checkEntries("layer norm backward", got, n, (at) => {
          const dx = layerNormGradient(rowAt(host.dy, at, columns), rowAt(host.x, at, columns), host.weight, NORM_EPS);
          return near(dx[at % columns]!, 64, 1);
        }),
    };
  },
};

/** Rows of a vocabulary, whatever the columns of the others. */
const crossEntropyInputs = (n: number) => {
  const rows = Math.max(1, Math.floor(n / VOCABULARY));
  const host = { logits: manyNormals(rows * VOCABULARY, 1, 2), target: indices(rows, VOCABULARY, 5) };
  return { rows, host, logits: tensor(host.logits, [rows, VOCABULARY]), target: tensor(host.target) };
};

const crossEntropyForward: RowOp = {
  name: "cross-entropy",
  prepare: (givenRows, columns) => {
    const { rows, host, logits, target } = crossEntropyInputs(givenRows * columns);
    return {
      bytes: 4 * rows * VOCABULARY,
      inputs: [logits, target],
      compute: () => run(crossEntropyOp, [logits, target], CROSS_ENTROPY)[0],
      check: (got) =>
        checkEntries("cross-entropy", got, rows, (row) => {
          const line = rowAt(host.logits, row * VOCABULARY, VOCABULARY);
          return near(logSumExp(line) - line[host.target[row]!]!, 64);
        }),
    };
  },
};

const crossEntropyBackward: RowOp = {
  name: "cross-entropy backward",
  prepare: (givenRows, columns) => {
    const { rows, host, logits, target } = crossEntropyInputs(givenRows * columns);
    const dloss = ones([rows]);
    const lse = tensor(
      Float32Array.from({ length: rows }, (_, row) => logSumExp(rowAt(host.logits, row * VOCABULARY, VOCABULARY))),
    );
    return {
      bytes: 8 * rows * VOCABULARY,
      inputs: [logits, target, dloss, lse],
      compute: () => run(crossEntropyBackwardOp, [dloss, logits, target, lse], CROSS_ENTROPY)[0],
      check: (got) =>
        checkEntries("cross-entropy backward", got, rows * VOCABULARY, (at) => {
          const [row, column] = [Math.floor(at / VOCABULARY), at % VOCABULARY];
          const isTarget = host.target[row] === column ? 1 : 0;
          return near(softmaxAt(rowAt(host.logits, at, VOCABULARY), column) - isTarget, 256);
        }),
    };
  },
};

const dropoutForward: RowOp = {
  name: "dropout",
  prepare: (rows, columns) => {
    const n = rows * columns;
    const host = manyNormals(n, 1);
    const x = tensor(host, [rows, columns]);
    const generator = new Generator(1);
    return {
      bytes: 8 * n,
      inputs: [x],
      compute: () => dropout(x, { p: DROPPED, generator }),
      check: (got) => {
        checkEntries("dropout", got, n, (at) => near(got[at] === 0 ? 0 : host[at]! / (1 - DROPPED), 2, 1e-30));
        let zeros = 0;
        for (let at = 0; at < n; at++) if (got[at] === 0) zeros++;
        // Six standard deviations.
        if (Math.abs(zeros / n - DROPPED) > 6 * Math.sqrt((DROPPED * (1 - DROPPED)) / n))
          throw new CheckError(`dropout: expected about ${DROPPED} of the elements to be 0, got ${zeros / n}`);
      },
    };
  },
};

const embedding: RowOp = {
  name: "embedding",
  prepare: (rows, columns) => embeddingForward(rows, VOCABULARY, columns),
};

const embeddingGradient: RowOp = {
  name: "embedding backward",
  prepare: (rows, columns) => embeddingBackward(rows, VOCABULARY, columns),
};

const adamw: RowOp = {
  name: "adamw",
  prepare: (rows, columns) => {
    const n = rows * columns;
    const host = { parameter: manyNormals(n, 1), grad: manyNormals(n, 2) };
    const [parameter, grad] = [tensor(host.parameter), tensor(host.grad)];
    const [m, v, count, scale] = [zeros([n]), zeros([n]), zeros([], { dtype: "int32" }), ones([])];
    return {
      bytes: 28 * n,
      inputs: [parameter, grad, m, v, count, scale],
      compute: () => {
        adamStep([{ parameter, grad, m, v }], { count, scale, lr: LR }, ADAM);
        return parameter.alias();
      },
      // After one step both moments, with their corrections, are those of the gradient itself.
      check: (got) =>
        checkEntries("adamw", got, n, (at) => {
          const [p, g] = [host.parameter[at]!, host.grad[at]!];
          return near(p * (1 - LR * ADAM.weightDecay) - (LR * g) / (Math.abs(g) + ADAM.eps), 8, LR);
        }),
    };
  },
};

export const rowOps: readonly RowOp[] = [
  elementwise("copy", 1, clone, (at, x) => near(x[at]!, 0)),
  elementwise("add", 2, add, (at, x, dy) => near(x[at]! + dy[at]!, 1), "add"),
  elementwise("exp", 1, exp, (at, x) => near(Math.exp(x[at]!), 4), "exp"),
  elementwise(
    "gelu",
    1,
    (x) => gelu(x),
    (at, x) => near(x[at]! * normalDistribution(x[at]!), 24, Math.abs(x[at]!) / 8),
    "gelu",
  ),
  elementwise(
    "gelu, tanh",
    1,
    (x) => gelu(x, { approximate: "tanh" }),
    (at, x) => near(geluTanh(x[at]!), 24, Math.abs(x[at]!) / 8),
  ),
  elementwise(
    "gelu backward",
    2,
    (x, dy) => geluBackward(dy, x),
    (at, x, dy) => near(dy[at]! * (normalDistribution(x[at]!) + x[at]! * normalDensity(x[at]!)), 16, Math.abs(dy[at]!)),
  ),
  elementwise(
    "softmax",
    1,
    (x) => softmax(x),
    (at, x, _, columns) => near(softmaxAt(rowAt(x, at, columns), at % columns), 64),
    "softmax",
  ),
  elementwise(
    "softmax backward",
    2,
    (y, dy) => softmaxBackward(dy, y),
    (at, y, dy, columns) => {
      const [rowY, rowDy] = [rowAt(y, at, columns), rowAt(dy, at, columns)];
      return near(y[at]! * (dy[at]! - inner(rowY, rowDy)), 64, Math.abs(y[at]!) * columns);
    },
  ),
  elementwise(
    "standardize",
    1,
    (x) => layerNorm(x, [x.size(-1)], { eps: NORM_EPS }),
    (at, x, _, columns) => {
      const { mean, rstd } = momentsOf(rowAt(x, at, columns), NORM_EPS);
      return near((x[at]! - mean) * rstd, 32, 1);
    },
    "standardize",
  ),
  layerNormForward,
  layerNormBackward,
  crossEntropyForward,
  crossEntropyBackward,
  dropoutForward,
  embedding,
  embeddingGradient,
  adamw,
];

/** The first result of an op, checked. */
export const checkOp = (op: PreparedOp): void => op.check(scope(() => op.compute().dataSync()));
