import { addedText, sumPartsStep } from "../../backends/webgpu/epilogue.wgsl.ts";
import { formFor, type Runs } from "../../backends/webgpu/tiles.wgsl.ts";
import { walkOf } from "../../backends/webgpu/walk.wgsl.ts";
import type { DeviceProfile } from "../../device-profile.ts";
import type { Plan, Planner, WebgpuStep } from "../../op.ts";
import { numel } from "../../shape.ts";
import { scratch } from "../../slots.ts";
import type { AddmmSignature, LinearSignature, MatmulSignature } from "./matmul.ts";
import { folded, productOfLayer, productOfMatrices, type LeftOperand, type Product } from "./product.ts";
import { multiplyTiles } from "./product-shader.wgsl.ts";
import type { Access } from "./tile-loads.wgsl.ts";
import { choosePlan, type Choice } from "./tile-plans.ts";
import { vectorProduct } from "./vector-product.wgsl.ts";

/** A product, and what its steps are called. */
export interface WebgpuProduct extends Product {
  readonly label: string;
}

/**
 * Which way memory runs, and whether vec4s can be read. `stride`: that of the rows of A, or of the columns of B; where a dim has one element
 * its stride does not matter.
 */
const runsOf = (
  { kStride, batch, offset }: Omit<LeftOperand, "rowStride">,
  stride: number,
  extent: number,
  k: number,
): { runs: Runs; vectors: boolean } => {
  const across = extent === 1 ? 0 : stride;
  const runs = kStride === 1 || k === 1 ? "along" : across === 1 || extent === 1 ? "across" : "along";
  const [step, size] = runs === "along" ? [across, k] : [kStride, extent];
  const one = runs === "along" ? kStride === 1 : across === 1;
  const vectors = one && [step, size, offset, ...batch].every((each) => each % 4 === 0);
  return { runs, vectors };
};

/** The steps of a product. Tile plans, and into how many parts k is cut, are chosen in tile-plans.ts. */
export const planProduct = (given: WebgpuProduct, device: DeviceProfile, forced?: Choice): Plan<WebgpuStep> => {
  const product = folded(given);
  const { label, m, n, k, a, b, addend, out, pre, activation } = product;
  const entries = numel(product.batch);
  const vector = forced || entries !== 1 ? null : planVector(product);
  if (vector) return vector;
  const [A, B] = [runsOf(a, a.rowStride, m, k), runsOf(b, b.columnStride, n, k)];
  const { plan, parts: wanted } = forced ?? choosePlan({ m, n, k, entries }, device);
  const kPart = wanted === 1 ? k : Math.ceil(k / wanted / plan.bk) * plan.bk;
  // Parts of whole steps may use k up sooner.
  const parts = k === 0 ? 1 : Math.ceil(k / kPart);
  const vectors = A.vectors && B.vectors && n % 4 === 0 && (addend?.offset ?? 0) % 4 === 0;
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
    : ([addedText(addend), pre !== null, activation] as const);
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
      addend: addend?.offset ?? 0,
      rowStride: a.rowStride,
      aKStride: a.kStride,
      columnStride: b.columnStride,
      bKStride: b.kStride,
      walk,
      aValues: a.slot,
      bValues: b.slot,
      addends: added === "none" ? null : addend!.slot,
      outs: split ? scratch(0) : out,
      pres: hasPre ? pre : null,
    },
    { workgroups },
  );
  if (!split) return { steps: [tiles] };
  const size = m * n;
  const sum = sumPartsStep(
    label,
    { entries, parts, size, n },
    { from: scratch(0), to: out, pre, bias: addend },
    activation,
  );
  return { steps: [tiles, sum], scratchBytes: [entries * parts * size * 4] };
};

/** A matrix times a vector, on either side, where it lies so that a kernel of its own can read it. */
const planVector = (given: WebgpuProduct): Plan<WebgpuStep> | null => {
  const { label, m, n, k, a, b, out, addend, pre, activation } = given;
  if (m !== 1 && n !== 1) return null;
  const [matrix, stride, x, size] = m === 1 ? [b, b.columnStride, a, n] : [a, a.rowStride, b, m];
  const product = vectorProduct({
    label,
    n: size,
    k,
    x: { slot: x.slot, offset: x.offset, kStride: x.kStride },
    matrix: { slot: matrix.slot, offset: matrix.offset, columnStride: stride, kStride: matrix.kStride },
  });
  if (!product) return null;
  const { parts, step } = product;
  if (parts === 1 && !addend && !pre && activation === "none") return { steps: [step(out)] };
  const from = scratch(0);
  const sum = sumPartsStep(label, { entries: 1, parts, size, n }, { from, to: out, pre, bias: addend }, activation);
  return { steps: [step(from), sum], scratchBytes: [parts * size * 4] };
};

export const matmulWgsl: Planner<MatmulSignature, WebgpuStep> = {
  strided: "all",
  plan: ({ inputs, outputs: [c] }, device) => planProduct({ label: "matmul", ...productOfMatrices(inputs, c) }, device),
};

export const addmmWgsl: Planner<AddmmSignature, WebgpuStep> = {
  strided: [0, 1],
  plan: ({ inputs, outputs: [c] }, device) => planProduct({ label: "addmm", ...productOfMatrices(inputs, c) }, device),
};

export const linearWgsl: Planner<LinearSignature, WebgpuStep> = {
  strided: [0, 1],
  plan: (call, device) => planProduct({ label: "linear", ...productOfLayer(call) }, device),
};
