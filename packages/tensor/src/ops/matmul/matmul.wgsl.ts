import {
  addedText,
  sumPartsStep,
  type WebgpuActivation,
  type WebgpuBias,
} from "../../backends/webgpu/epilogue.wgsl.ts";
import { formFor, type Runs } from "../../backends/webgpu/tiles.wgsl.ts";
import { walkOf } from "../../backends/webgpu/walk.wgsl.ts";
import type { DeviceProfile } from "../../device-profile.ts";
import type { Plan, Planner, Slot, WebgpuStep } from "../../op.ts";
import { broadcastStrides, numel, type Layout } from "../../shape.ts";
import { input, output, scratch } from "../../slots.ts";
import type { ActivatedLinearSignature, AddmmSignature, LinearSignature, MatmulSignature } from "./matmul.ts";
import type { Operand as Strided } from "./product.ts";
import { multiplyTiles } from "./product-shader.wgsl.ts";
import type { Access } from "./tile-loads.wgsl.ts";
import { choosePlan, type Choice } from "./tile-plans.ts";
import { vectorProduct } from "./vector-product.wgsl.ts";

/** Kernels on webgpu find a view's start themselves. */
interface Operand extends Strided {
  readonly offset: number;
}

/** C[batch] = f(A[batch] · B[batch] + bias), C contiguous, and the bias, too, where it has C's shape. */
export interface WebgpuProduct {
  readonly label: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: readonly number[];
  readonly a: Operand;
  readonly b: Operand;
  readonly out: Slot;
  readonly bias: WebgpuBias | null;
  readonly pre: Slot | null;
  readonly activation: WebgpuActivation;
}

/** The same product with as few batch dims as possible: the innermost dims become part of M where B does not depend on them. */
const folded = (product: WebgpuProduct): WebgpuProduct => {
  let { m } = product;
  let { across } = product.a;
  const batch = [...product.batch];
  for (let d = batch.length - 1; d >= 0; d--) {
    const size = batch[d]!;
    const step = product.a.batch[d]!;
    if (size !== 1 && (product.b.batch[d] !== 0 || (m !== 1 && step !== m * across))) break;
    if (size !== 1) {
      if (m === 1) across = step;
      m *= size;
    }
    batch.pop();
  }
  const kept = batch.length;
  return {
    ...product,
    m,
    batch,
    a: { ...product.a, across, batch: product.a.batch.slice(0, kept) },
    b: { ...product.b, batch: product.b.batch.slice(0, kept) },
  };
};

/** Which way memory runs, and whether vec4s can be read. Where a dim has one element its stride does not matter. */
const runsOf = (operand: Operand, extent: number, k: number): { runs: Runs; vectors: boolean } => {
  const { along, batch, offset } = operand;
  const across = extent === 1 ? 0 : operand.across;
  const runs = along === 1 || k === 1 ? "along" : across === 1 || extent === 1 ? "across" : "along";
  const [step, size] = runs === "along" ? [across, k] : [along, extent];
  const one = runs === "along" ? along === 1 : across === 1;
  const vectors = one && [step, size, offset, ...batch].every((each) => each % 4 === 0);
  return { runs, vectors };
};

/** The steps of a product. Tile plans, and into how many parts k is cut, are chosen in tile-plans.ts. */
export const planProduct = (given: WebgpuProduct, device: DeviceProfile, forced?: Choice): Plan<WebgpuStep> => {
  const product = folded(given);
  const { label, m, n, k, a, b, bias, pre, activation } = product;
  const entries = numel(product.batch);
  const vector = forced || entries !== 1 ? null : planVector(product);
  if (vector) return vector;
  const [A, B] = [runsOf(a, m, k), runsOf(b, n, k)];
  const { plan, parts: wanted } = forced ?? choosePlan({ m, n, k, entries }, device);
  const kPart = wanted === 1 ? k : Math.ceil(k / wanted / plan.bk) * plan.bk;
  // Parts of whole steps may use k up sooner.
  const parts = k === 0 ? 1 : Math.ceil(k / kPart);
  const vectors = A.vectors && B.vectors && n % 4 === 0 && (bias?.offset ?? 0) % 4 === 0;
  const whole = m % plan.bm === 0 && n % plan.bn === 0;
  // Of whole steps, also in the last part; a part may be shorter than others.
  const steps = k % plan.bk === 0 && k > 0;
  const access: Access = !vectors ? "scalar" : !steps ? "vector" : whole ? "exact" : "edges";
  const walk = walkOf(product.batch, {
    a: { strides: a.batch, offset: a.offset },
    b: { strides: b.batch, offset: b.offset },
  });
  const split = parts > 1;
  const [tilesM, tilesN] = [Math.ceil(m / plan.bm), Math.ceil(n / plan.bn)];
  const workgroups = tilesM * tilesN * entries * parts;
  const [added, hasPre, last] = split
    ? (["none", false, "none"] as const)
    : ([addedText(bias), pre !== null, activation] as const);
  const multiply = multiplyTiles({
    label,
    plan,
    form: formFor(device),
    runsA: A.runs,
    runsB: B.runs,
    access,
    rank: walk.rank,
    activation: last,
    added,
    pre: hasPre,
  });
  const tiles = multiply(
    {
      tiles: workgroups,
      tilesM,
      tilesN,
      m,
      n,
      k,
      kPart,
      parts,
      bias: bias?.offset ?? 0,
      aAcross: a.across,
      aAlong: a.along,
      bAcross: b.across,
      bAlong: b.along,
      walk,
      aValues: a.slot,
      bValues: b.slot,
      biases: added === "none" ? null : bias!.slot,
      outs: split ? scratch(0) : product.out,
      pres: hasPre ? pre : null,
    },
    { workgroups },
  );
  if (!split) return { steps: [tiles] };
  const size = m * n;
  const sum = sumPartsStep(
    label,
    { entries, parts, size, n },
    { from: scratch(0), to: product.out, pre, bias },
    activation,
  );
  return { steps: [tiles, sum], scratchBytes: [entries * parts * size * 4] };
};

/** A matrix times a vector, on either side, where it lies so that a kernel of its own can read it. */
const planVector = ({ label, m, n, k, a, b, out, bias, pre, activation }: WebgpuProduct): Plan<WebgpuStep> | null => {
  if (m !== 1 && n !== 1) return null;
  const [matrix, x, size] = m === 1 ? [b, a, n] : [a, b, m];
  const product = vectorProduct({
    label,
    n: size,
    k,
    x: { slot: x.slot, start: x.offset, step: x.along },
    matrix: { slot: matrix.slot, start: matrix.offset, across: matrix.across, along: matrix.along },
  });
  if (!product) return null;
  const { parts, step } = product;
  if (parts === 1 && !bias && !pre && activation === "none") return { steps: [step(out)] };
  const from = scratch(0);
  const sum = sumPartsStep(label, { entries: 1, parts, size, n }, { from, to: out, pre, bias }, activation);
  return { steps: [step(from), sum], scratchBytes: [parts * size * 4] };
};

/** a · b, with a sum of its shape added where there is one. */
export const planMatmul = (
  label: string,
  [a, b, c]: readonly [Layout, Layout, Layout],
  bias: WebgpuBias | null,
  device: DeviceProfile,
): Plan<WebgpuStep> => {
  const batch = c.shape.slice(0, -2);
  const operand = ({ shape, strides, offset }: Layout, index: number, across: -1 | -2): Operand => ({
    slot: input(index),
    across: strides.at(across)!,
    along: strides.at(-3 - across)!,
    batch: broadcastStrides({ shape: shape.slice(0, -2), strides: strides.slice(0, -2) }, batch),
    offset,
  });
  const [m, n, k] = [a.shape.at(-2)!, b.shape.at(-1)!, a.shape.at(-1)!];
  return planProduct(
    {
      label,
      m,
      n,
      k,
      batch,
      a: operand(a, 0, -2),
      b: operand(b, 1, -1),
      out: output(0),
      bias,
      pre: null,
      activation: "none",
    },
    device,
  );
};

export const matmulWgsl: Planner<MatmulSignature, WebgpuStep> = {
  strided: "all",
  plan: ({ inputs: [a, b], outputs: [c] }, device) => planMatmul("matmul", [a, b, c], null, device),
};

export const addmmWgsl: Planner<AddmmSignature, WebgpuStep> = {
  strided: [0, 1],
  plan: ({ inputs: [a, b, added], outputs: [c] }, device) =>
    planMatmul("addmm", [a, b, c], { slot: input(2), offset: added.offset, whole: true }, device),
};

/** A layer's product, f(x Wᵀ + bias); `pre`: the sums before f, where they are kept. */
interface Layer {
  readonly label: string;
  readonly x: Layout;
  readonly weight: Layout;
  readonly bias: Layout | null;
  readonly pre: Layout | null;
  readonly activation: WebgpuActivation;
}

/** The weight is Bᵀ: its rows are B's columns. All leading dims of x count as batch dims, and mostly fold into M. */
const planLinear = ({ label, x, weight, bias, pre, activation }: Layer, device: DeviceProfile): Plan<WebgpuStep> => {
  const batch = x.shape.slice(0, -1);
  return planProduct(
    {
      label,
      m: 1,
      n: weight.shape[0]!,
      k: weight.shape[1]!,
      batch,
      a: { slot: input(0), across: 0, along: x.strides.at(-1)!, batch: x.strides.slice(0, -1), offset: x.offset },
      b: {
        slot: input(1),
        across: weight.strides[0]!,
        along: weight.strides[1]!,
        batch: batch.map(() => 0),
        offset: weight.offset,
      },
      out: output(0),
      bias: bias && { slot: input(2), offset: bias.offset },
      pre: pre && output(1),
      activation,
    },
    device,
  );
};

export const linearWgsl: Planner<LinearSignature, WebgpuStep> = {
  strided: [0, 1],
  plan: ({ inputs: [x, weight, bias] }, device) =>
    planLinear({ label: "linear", x, weight, bias, pre: null, activation: "none" }, device),
};

export const activatedLinearWgsl: Planner<ActivatedLinearSignature, WebgpuStep> = {
  strided: [0, 1],
  plan: ({ inputs: [x, weight, bias], outputs: [, pre], attrs: { activation } }, device) =>
    planLinear({ label: "activatedLinear", x, weight, bias, pre, activation }, device),
};
