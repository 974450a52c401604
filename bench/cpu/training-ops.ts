import { adamStep, addLayerNorm, Generator, globalNorm, ones, scope, tensor, zeros } from "@tessera/tensor";
import { run } from "@tessera/tensor/extend";
import { dropoutOp } from "@tessera/tensor/ops/random";
import { checkEntries, near } from "../check.ts";
import { manyNormals, normals } from "../random-data.ts";
import { momentsOf } from "./float64-rows.ts";
import { NORM_EPS, type RowOp } from "./row-ops.ts";

const DROPPED = 0.1;
const ADAM = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01, decoupled: true } as const;
const LR = 1e-3;

const residualNorm: RowOp = {
  name: "residual + layer norm",
  prepare: (rows, columns) => {
    const n = rows * columns;
    const host = {
      x: manyNormals(n, 1),
      residual: manyNormals(n, 2),
      weight: normals(columns, 3),
      bias: normals(columns, 4),
    };
    const [x, residual] = [tensor(host.x, [rows, columns]), tensor(host.residual, [rows, columns])];
    const [weight, bias] = [tensor(host.weight), tensor(host.bias)];
    return {
      bytes: 12 * n,
      inputs: [x, residual, weight, bias],
      compute: () => addLayerNorm(x, residual, [columns], { weight, bias, eps: NORM_EPS }),
      check: (got) =>
        checkEntries("residual + layer norm", got, n, (at) => {
          const start = at - (at % columns);
          const sums = Float64Array.from({ length: columns }, (_, c) => host.x[start + c]! + host.residual[start + c]!);
          const { mean, rstd } = momentsOf(sums, NORM_EPS);
          const column = at % columns;
          return near((sums[column]! - mean) * rstd * host.weight[column]! + host.bias[column]!, 64, 1);
        }),
    };
  },
};

/** The gradient draws the mask of its forward again. */
const dropoutBackward: RowOp = {
  name: "dropout backward",
  prepare: (rows, columns) => {
    const n = rows * columns;
    const host = manyNormals(n, 2);
    const dy = tensor(host, [rows, columns]);
    const draw = new Generator(1).draw();
    const dropped = scope(() => run(dropoutOp, [ones([rows, columns])], { p: DROPPED }, draw)[0].dataSync());
    return {
      bytes: 8 * n,
      inputs: [dy],
      compute: () => run(dropoutOp, [dy], { p: DROPPED }, draw)[0],
      check: (got) => checkEntries("dropout backward", got, n, (at) => near(dropped[at]! * host[at]!, 2, 1e-30)),
    };
  },
};

/** The elements in as many tensors as there are rows, up to what a model has. */
const MAX_PARAMETERS = 200;
const parametersOf = (rows: number, columns: number) => {
  const count = Math.min(rows, MAX_PARAMETERS);
  const size = Math.floor((rows * columns) / count);
  return { count, size };
};

const globalNormOfMany: RowOp = {
  name: "global norm, many tensors",
  prepare: (rows, columns) => {
    const { count, size } = parametersOf(rows, columns);
    const host = Array.from({ length: count }, (_, i) => manyNormals(size, i + 1));
    const grads = host.map((values) => tensor(values));
    const norm = Math.sqrt(host.reduce((total, values) => values.reduce((sum, x) => sum + x * x, total), 0));
    return {
      bytes: 4 * count * size,
      inputs: grads,
      compute: () => globalNorm(grads),
      check: (got) => checkEntries("global norm", got, 1, () => near(norm, 64)),
    };
  },
};

const adamwOfMany: RowOp = {
  name: "adamw, many tensors",
  prepare: (rows, columns) => {
    const { count, size } = parametersOf(rows, columns);
    const [steps, scale] = [zeros([], { dtype: "int32" }), ones([])];
    const host = Array.from({ length: count }, (_, i) => ({
      parameter: manyNormals(size, 2 * i + 1),
      grad: manyNormals(size, 2 * i + 2),
    }));
    const state = host.map(({ parameter, grad }) => ({
      parameter: tensor(parameter),
      grad: tensor(grad),
      m: zeros([size]),
      v: zeros([size]),
    }));
    const last = host.at(-1)!;
    return {
      bytes: 28 * count * size,
      inputs: [...state.flatMap((one) => Object.values(one)), steps, scale],
      compute: () => {
        adamStep(state, { count: steps, scale, lr: LR }, ADAM);
        return state.at(-1)!.parameter.alias();
      },
      // After one step both moments, with their corrections, are those of the gradient itself.
      check: (got) =>
        checkEntries("adamw, many tensors", got, size, (at) => {
          const [p, g] = [last.parameter[at]!, last.grad[at]!];
          return near(p * (1 - LR * ADAM.weightDecay) - (LR * g) / (Math.abs(g) + ADAM.eps), 8, LR);
        }),
    };
  },
};

/** What a training step does besides products and the ops of row-ops.ts. */
export const trainingOps: readonly RowOp[] = [residualNorm, dropoutBackward, globalNormOfMany, adamwOfMany];
