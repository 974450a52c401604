import { numel } from "@tessera/tensor";
import {
  formFor,
  input,
  output,
  scratch,
  sumPartsStep,
  type DeviceProfile,
  type Layout,
  type Plan,
  type Planner,
  type Slot,
  type WebgpuActivation,
  type WebgpuStep,
} from "@tessera/tensor/extend";
import type { MatrixAttrs } from "../../block-index.ts";
import type {
  ActivatedBlockSparseLinearSignature,
  BlockSparseLinearSignature,
  DdsSignature,
  SddSignature,
} from "./block-matmul.ts";
import { blockPlan, linePlan, partsOf } from "./block-plans.ts";
import { COPY_WORKGROUP, copyValues, multiplyAtBlocks, multiplyLines, type Access } from "./block-shaders.wgsl.ts";

const tokensOf = (x: Layout): number => numel(x.shape.slice(0, -1));

/** How factors of these widths can be read, when only the features matter. */
const accessOf = (
  widths: readonly number[],
  offsets: readonly number[],
  blockSize: number,
): Exclude<Access, "edges"> => {
  if ([...widths, ...offsets].some((n) => n % 4 !== 0)) return "scalar";
  return widths.every((width) => width % blockSize === 0) ? "exact" : "vector";
};

/** A tensor among the inputs. */
interface Given {
  readonly slot: Slot;
  readonly layout: Layout;
}

interface Line {
  readonly label: string;
  readonly attrs: MatrixAttrs;
  readonly x: Layout;
  readonly values: Layout;
  readonly pointers: Given;
  readonly indices: Given;
  readonly permutation: Given | null;
  readonly bias: Layout | null;
  readonly pre: Layout | null;
  readonly activation: WebgpuActivation;
}

const planLines = (product: Line, device: DeviceProfile): Plan<WebgpuStep> => {
  const { label, attrs, x, values, pointers, indices, permutation, bias, pre, activation } = product;
  const { blockSize, shape } = attrs;
  const permuted = permutation !== null;
  const [to, from] = permuted ? [shape[1], shape[0]] : [shape[0], shape[1]];
  const tokens = tokensOf(x);
  const blocks = indices.layout.shape[0]!;
  // vec4s of values begin at whole ones.
  const copy = blocks > 0 && values.offset % 4 !== 0;
  const runs = permuted ? "across" : "along";
  const count = Math.ceil(to / blockSize);
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
      pointersStart: pointers.layout.offset,
      indicesStart: indices.layout.offset,
      permutationStart: permutation?.layout.offset ?? 0,
      bias: bias?.offset ?? 0,
      xValues: input(0),
      values: copy ? scratch(0) : input(1),
      pointers: pointers.slot,
      indices: indices.slot,
      permutation: permutation && permutation.slot,
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

type LinearInputs = readonly [
  x: Layout,
  values: Layout,
  bias: Layout | null,
  crow: Layout,
  col: Layout,
  ...rest: Layout[],
];

const planLinear = (
  layer: Pick<Line, "label" | "attrs" | "pre" | "activation">,
  [x, values, bias, crow, col]: LinearInputs,
  device: DeviceProfile,
): Plan<WebgpuStep> => {
  const pointers = { slot: input(3), layout: crow };
  const indices = { slot: input(4), layout: col };
  return planLines({ ...layer, x, values, pointers, indices, permutation: null, bias }, device);
};

export const blockSparseLinearWgsl: Planner<BlockSparseLinearSignature, WebgpuStep> = {
  plan: ({ inputs, attrs }, device) =>
    planLinear({ label: "blockSparseLinear", attrs, pre: null, activation: "none" }, inputs, device),
};

export const activatedBlockSparseLinearWgsl: Planner<ActivatedBlockSparseLinearSignature, WebgpuStep> = {
  plan: ({ inputs, outputs: [, pre], attrs }, device) =>
    planLinear({ label: "activatedBlockSparseLinear", attrs, pre, activation: attrs.activation }, inputs, device),
};

export const ddsWgsl: Planner<DdsSignature, WebgpuStep> = {
  plan: ({ inputs: [x, values, , , ccol, row, permutation], attrs }, device) =>
    planLines(
      {
        label: "dds",
        attrs,
        x,
        values,
        pointers: { slot: input(4), layout: ccol },
        indices: { slot: input(5), layout: row },
        permutation: { slot: input(6), layout: permutation },
        bias: null,
        pre: null,
        activation: "none",
      },
      device,
    ),
};

export const sddWgsl: Planner<SddSignature, WebgpuStep> = {
  plan: ({ inputs: [dy, x, crow, col], attrs: { shape, blockSize } }, device) => {
    const tokens = tokensOf(dy);
    const blocks = col.shape[0]!;
    const lines = crow.shape[0]! - 1;
    const plan = blockPlan(blockSize, blocks / Math.max(1, lines));
    const together = plan.bn / blockSize;
    const perLine = Math.ceil(Math.ceil(shape[1] / blockSize) / together);
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
          pointersStart: crow.offset,
          columnsStart: col.offset,
          dyValues: input(0),
          xValues: input(1),
          pointers: input(2),
          columns: input(3),
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
