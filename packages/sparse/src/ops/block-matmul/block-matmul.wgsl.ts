import {
  formFor,
  input,
  output,
  scratch,
  sumPartsStep,
  tokensOf,
  type DeviceProfile,
  type LayerAttrs,
  type Layout,
  type Plan,
  type Planner,
  type Slot,
  type WebgpuStep,
} from "@tessera/tensor/extend";
import { segmentsOf, type MatrixAttrs } from "../../block-index.ts";
import type { BlockSparseLinearSignature, DdsSignature, SddSignature } from "./block-matmul.ts";
import { blockPlan, linePlan, partsOf } from "./block-plans.ts";
import { COPY_WORKGROUP, copyValues, multiplyAtBlocks, multiplyLines, type Access } from "./block-shaders.wgsl.ts";

/** How factors of these widths can be read, when only the features matter. */
const accessOf = (
  widths: readonly number[],
  offsets: readonly number[],
  blockSize: number,
): Exclude<Access, "edges"> => {
  if ([...widths, ...offsets].some((n) => n % 4 !== 0)) return "scalar";
  return widths.every((width) => width % blockSize === 0) ? "exact" : "vector";
};

/** A product over lines of blocks: block rows for x Wᵀ, block columns (`permuted`) for dy W. */
interface Line extends LayerAttrs {
  readonly label: string;
  readonly attrs: MatrixAttrs;
  readonly x: Layout;
  readonly values: Layout;
  readonly index: { readonly slot: Slot; readonly offset: number };
  readonly permuted: boolean;
  readonly bias: Layout | null;
  readonly pre: Layout | null;
}

const planLines = (product: Line, device: DeviceProfile): Plan<WebgpuStep> => {
  const { label, attrs, x, values, index, permuted, bias, pre, activation } = product;
  const { blockSize, shape, blocks } = attrs;
  const { rows, cols, crowIndices, colIndices, ccolIndices, rowIndices, blockPermutation } = segmentsOf(attrs);
  const [to, from, count] = permuted ? [shape[1], shape[0], cols] : [shape[0], shape[1], rows];
  const [pointers, indices] = permuted ? [ccolIndices, rowIndices] : [crowIndices, colIndices];
  const tokens = tokensOf(x);
  // vec4s of values begin at whole ones.
  const copy = blocks > 0 && values.offset % 4 !== 0;
  const runs = permuted ? "across" : "along";
  const plan = linePlan({ blockSize, runs, tokens, lines: count }, device);
  const offsets = [x.offset, bias?.offset ?? 0];
  const features = accessOf([from, to], offsets, blockSize);
  const access = features === "exact" && tokens % plan.bm !== 0 ? "edges" : features;
  const size = blocks * blockSize ** 2;
  const tiles = Math.ceil(tokens / plan.bm);
  const multiply = multiplyLines({
    label,
    blockSize,
    plan,
    form: formFor(device),
    access,
    permuted,
    runs,
    activation,
    bias: bias !== null,
    pre: pre !== null,
  });
  const lines = multiply(
    {
      lines: count,
      tokens,
      from_: from,
      to,
      xStart: x.offset,
      valuesStart: copy ? 0 : values.offset,
      pointersStart: index.offset + pointers,
      indicesStart: index.offset + indices,
      permutationStart: index.offset + blockPermutation,
      bias: bias?.offset ?? 0,
      xValues: input(0),
      values: copy ? scratch(0) : input(1),
      index: index.slot,
      biases: bias && input(2),
      ys: output(0),
      pres: pre && output(1),
    },
    { workgroups: tiles * count },
  );
  if (!copy) return { steps: [lines] };
  const copied = copyValues({ label })(
    { size, start: values.offset, values: input(1), copied: scratch(0) },
    { workgroups: Math.ceil(size / COPY_WORKGROUP) },
  );
  return { steps: [copied, lines], scratchBytes: [size * 4] };
};

export const blockSparseLinearWgsl: Planner<BlockSparseLinearSignature, WebgpuStep> = {
  plan: ({ inputs: [x, values, bias, { offset }], outputs: [, pre], attrs }, device) => {
    const index = { slot: input(3), offset };
    const { activation } = attrs;
    return planLines(
      { label: "blockSparseLinear", attrs, x, values, index, permuted: false, bias, pre, activation },
      device,
    );
  },
};

export const ddsWgsl: Planner<DdsSignature, WebgpuStep> = {
  plan: ({ inputs: [x, values, { offset }], attrs }, device) => {
    const index = { slot: input(2), offset };
    return planLines(
      { label: "dds", attrs, x, values, index, permuted: true, bias: null, pre: null, activation: "none" },
      device,
    );
  },
};

export const sddWgsl: Planner<SddSignature, WebgpuStep> = {
  plan: ({ inputs: [dy, x, index], attrs }, device) => {
    const { shape, blockSize, blocks } = attrs;
    const { rows: lines, cols, crowIndices, colIndices } = segmentsOf(attrs);
    const tokens = tokensOf(dy);
    const plan = blockPlan(blockSize, blocks / Math.max(1, lines));
    const together = plan.bn / blockSize;
    const perLine = Math.ceil(cols / together);
    // Rows of equal population, since only their sum is known here.
    const wanted = partsOf(tokens, lines * Math.ceil(blocks / Math.max(1, lines) / together));
    const part = Math.ceil(tokens / wanted / plan.bk) * plan.bk;
    // Parts of whole steps may use the tokens up sooner.
    const parts = tokens === 0 ? 1 : Math.ceil(tokens / part);
    const features = accessOf(shape, [dy.offset, x.offset], blockSize);
    const access = features === "exact" && tokens % plan.bk !== 0 ? "vector" : features;
    const split = parts > 1;
    const size = blocks * blockSize * blockSize;
    const groups = lines * perLine;
    const multiply = multiplyAtBlocks({ blockSize, plan, form: formFor(device), access });
    const steps = [
      multiply(
        {
          groups,
          perLine,
          parts,
          tokens,
          part,
          blocks,
          outputs: shape[0],
          inputs: shape[1],
          dyStart: dy.offset,
          xStart: x.offset,
          pointersStart: index.offset + crowIndices,
          columnsStart: index.offset + colIndices,
          dyValues: input(0),
          xValues: input(1),
          index: input(2),
          dValues: split ? scratch(0) : output(0),
        },
        { workgroups: blocks === 0 ? 0 : groups * parts },
      ),
    ];
    const slots = { from: scratch(0), to: output(0), pre: null, bias: null };
    if (split) steps.push(sumPartsStep("sdd", { entries: 1, parts, size, n: blockSize }, slots, "none"));
    return { steps, ...(split ? { scratchBytes: [size * parts * 4] } : {}) };
  },
};
