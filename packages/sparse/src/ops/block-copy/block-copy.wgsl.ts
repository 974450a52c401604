import { numel } from "@tessera/tensor";
import {
  input,
  kernel,
  output,
  read,
  variants,
  write,
  type KernelText,
  type Planner,
  type WebgpuStep,
} from "@tessera/tensor/extend";
import { segmentsOf } from "../../block-index.ts";
import type { BlockCopySignature } from "./block-copy.ts";

const WORKGROUP = 256;

/** The last place in `first <= place < end` of the index where it is at most `value`; it rises there, and starts with one that is. */
const lastUpTo = (name: string): string => /* wgsl */ `
fn ${name}(first: u32, end: u32, value: u32) -> u32 {
  var low = first;
  var high = end;
  while (high - low > 1u) {
    let middle = (low + high) / 2u;
    if (u32(index[middle]) <= value) { low = middle; } else { high = middle; }
  }
  return low;
}`;

/** What both kernels are given: x, the index, of which they read crow and col, and y; all of it may start anywhere. */
const WORDS = {
  total: "u32",
  rows: "u32",
  outputs: "u32",
  inputs: "u32",
  b: "u32",
  xStart: "u32",
  crowStart: "u32",
  colStart: "u32",
} as const;
const buffersOf = (unit: string) => ({ x: read(unit), index: read("i32"), y: write(unit) });

const begin = (k: KernelText): string => /* wgsl */ `${k.main} {
  let at = ${k.invocation};
  if (at >= w.total) { return; }`;

/**
 * values[n][i, j] = dense[row(n) b + i, col(n) b + j], 0 where the block sticks out; dense [outputs, inputs], values [blocks, b, b]. An
 * invocation copies one word, or four of a row: b is a multiple of four, and with four so are `inputs` and the start, which are then counted in fours. The row of block n is found in the index: crow[row] <= n < crow[row + 1].
 */
const gather = variants(({ width }: { readonly width: 1 | 4 }) => {
  const unit = width === 4 ? "vec4<u32>" : "u32";
  return kernel(
    { name: "gatherBlocks", workgroup: WORKGROUP, words: WORDS, bind: buffersOf(unit) },
    (k) => /* wgsl */ `
${lastUpTo("rowOf")}
${begin(k)}
  let columns = w.b / ${width}u;
  let j = at % columns;
  let i = at / columns % w.b;
  let n = at / columns / w.b;
  let row = rowOf(w.crowStart, w.crowStart + w.rows, n) - w.crowStart;
  let o = row * w.b + i;
  let column = u32(index[w.colStart + n]) * columns + j;
  var value = ${unit}();
  if (o < w.outputs && column < w.inputs) { value = x[w.xStart + o * w.inputs + column]; }
  y[at] = value;
}`,
  );
});

/**
 * dense[o, c] = the element of the stored block over it, or 0: the reverse. An invocation writes one word of the matrix, or four, and
 * looks for its column of blocks among those of its row, which rise.
 */
const scatter = variants(({ width }: { readonly width: 1 | 4 }) => {
  const unit = width === 4 ? "vec4<u32>" : "u32";
  return kernel(
    { name: "scatterBlocks", workgroup: WORKGROUP, words: WORDS, bind: buffersOf(unit) },
    (k) => /* wgsl */ `
${lastUpTo("blockOf")}
${begin(k)}
  let columns = w.b / ${width}u;
  let o = at / w.inputs;
  let c = at % w.inputs;
  let row = w.crowStart + o / w.b;
  let first = u32(index[row]);
  let end = u32(index[row + 1u]);
  var value = ${unit}();
  if (first < end) {
    let n = blockOf(w.colStart + first, w.colStart + end, c / columns) - w.colStart;
    if (u32(index[w.colStart + n]) == c / columns) { value = x[w.xStart + (n * w.b + o % w.b) * columns + c % columns]; }
  }
  y[at] = value;
}`,
  );
});

const planner = (copy: typeof gather): Planner<BlockCopySignature, WebgpuStep> => ({
  plan: ({ inputs: [x, index], outputs: [y], attrs }) => {
    const { shape, blockSize } = attrs;
    const [outputs, inputs] = shape;
    const { rows, crowIndices, colIndices } = segmentsOf(attrs);
    // Block sizes are multiples of four, so only the matrix and the start decide.
    const width = inputs % 4 === 0 && x.offset % 4 === 0 ? 4 : 1;
    const total = numel(y.shape) / width;
    const step = copy({ width })(
      {
        total,
        rows,
        outputs,
        inputs: inputs / width,
        b: blockSize,
        xStart: x.offset / width,
        crowStart: index.offset + crowIndices,
        colStart: index.offset + colIndices,
        x: input(0),
        index: input(1),
        y: output(0),
      },
      { workgroups: Math.ceil(total / WORKGROUP) },
    );
    return { steps: [step] };
  },
});

export const gatherBlocksWgsl = planner(gather);
export const scatterBlocksWgsl = planner(scatter);
