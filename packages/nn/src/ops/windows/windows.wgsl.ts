import { numel } from "@tessera/tensor";
import {
  input,
  kernel,
  output,
  read,
  variants,
  walkOf,
  walkTo,
  walkWords,
  write,
  type Planner,
  type WebgpuStep,
} from "@tessera/tensor/extend";
import type { MaxPoolIndicesSignature, OverlapAddSignature } from "./windows.ts";

const WORKGROUP = 256;

/**
 * y[o, p, i] = Σ x[o, k, l, i] over the k for which p − k · dilation is l · step with 0 ≤ l < count. An invocation makes one element; the walk
 * goes over o and i, with x in its own strides.
 */
const overlapAdd = variants(({ rank }: { readonly rank: number }) =>
  kernel(
    {
      name: "overlapAdd",
      workgroup: WORKGROUP,
      words: {
        walk: walkWords(rank, ["x"]),
        elements: "u32",
        n: "u32",
        inner: "u32",
        size: "u32",
        count: "u32",
        step: "u32",
        dilation: "u32",
        along: "u32",
        window: "u32",
      },
      bind: { x: read("f32"), y: write("f32") },
    },
    (k) => /* wgsl */ `
${k.main} {
  let i = ${k.invocation};
  if (i >= w.elements) { return; }
  let line = i / (w.n * w.inner) * w.inner + i % w.inner;
  let p = i / w.inner % w.n;
  ${walkTo(rank, ["x"], "line")}
  var sum = 0.0;
  for (var k = 0u; k < w.size && k * w.dilation <= p; k++) {
    let start = p - k * w.dilation;
    let l = start / w.step;
    if (start % w.step == 0u && l < w.count) { sum += x[xAt + k * w.along + l * w.window]; }
  }
  y[i] = sum;
}`,
  ),
);

export const overlapAddWgsl: Planner<OverlapAddSignature, WebgpuStep> = {
  strided: "all",
  plan: ({ inputs: [x], outputs: [y], attrs: { dim, n, step, dilation } }) => {
    const others = <T>(list: readonly T[]): T[] => list.filter((_, d) => d !== dim && d !== dim + 1);
    const walk = walkOf(others(x.shape), { x: { strides: others(x.strides), offset: x.offset } });
    const elements = numel(y.shape);
    const [size, count] = [x.shape[dim]!, x.shape[dim + 1]!];
    const [along, window] = [x.strides[dim]!, x.strides[dim + 1]!];
    const inner = numel(x.shape.slice(dim + 2));
    const add = overlapAdd({ rank: walk.rank })(
      { x: input(0), y: output(0), walk, elements, n, inner, size, count, step, dilation, along, window },
      { workgroups: Math.ceil(elements / WORKGROUP) },
    );
    return { steps: [add] };
  },
};

/** As the reference, one window an invocation. A NaN is seen by its bits: compilers may take comparisons of it away. */
const maxPoolIndices = kernel(
  {
    name: "maxPoolIndices",
    workgroup: WORKGROUP,
    words: {
      elements: "u32",
      start: "u32",
      height: "i32",
      width: "i32",
      down: "u32",
      across: "u32",
      kh: "i32",
      kw: "i32",
      sh: "i32",
      sw: "i32",
      ph: "i32",
      pw: "i32",
      dh: "i32",
      dw: "i32",
    },
    bind: { x: read("f32"), y: write("i32") },
  },
  (k) => /* wgsl */ `
${k.main} {
  let at = ${k.invocation};
  if (at >= w.elements) { return; }
  let column = i32(at % w.across);
  let row = i32(at / w.across % w.down);
  let plane = w.start + at / w.across / w.down * u32(w.height * w.width);
  var place = -1;
  var best = 0.0;
  var found = false;
  for (var i = 0; i < w.kh; i++) {
    let down = row * w.sh - w.ph + i * w.dh;
    if (down < 0 || down >= w.height) { continue; }
    for (var j = 0; j < w.kw; j++) {
      let across = column * w.sw - w.pw + j * w.dw;
      if (across < 0 || across >= w.width) { continue; }
      let value = x[plane + u32(down * w.width + across)];
      let nan = (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
      if (place < 0 || nan || (!found && value > best)) {
        best = value;
        found = nan;
        place = down * w.width + across;
      }
    }
  }
  y[at] = place;
}`,
);

export const maxPoolIndicesWgsl: Planner<MaxPoolIndicesSignature, WebgpuStep> = {
  plan: ({ inputs: [x], outputs: [y], attrs: { kernel: size, stride, padding, dilation, sizes } }) => {
    const elements = numel(y.shape);
    const [[kh, kw], [sh, sw], [ph, pw], [dh, dw]] = [size, stride, padding, dilation];
    const planes = { height: x.shape.at(-2)!, width: x.shape.at(-1)!, down: sizes[0], across: sizes[1] };
    const step = maxPoolIndices(
      { x: input(0), y: output(0), elements, start: x.offset, ...planes, kh, kw, sh, sw, ph, pw, dh, dw },
      { workgroups: Math.ceil(elements / WORKGROUP) },
    );
    return { steps: [step] };
  },
};
