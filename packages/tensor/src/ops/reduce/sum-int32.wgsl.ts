import { kernel, read, write, type KernelText } from "../../backends/webgpu/kernel.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import type { Slot, WebgpuStep } from "../../op.ts";
import { scratch } from "../../slots.ts";
import { inRows, wholeLines, type Lines } from "./fold.wgsl.ts";
import { overflow } from "./overflow.ts";
import { teamJoin, WORKGROUP } from "./team.wgsl.ts";

/** Elements that an invocation adds up before a line is worth cutting into parts, and workgroups that are enough. */
const MIN_EACH = 64;
const TARGET_GROUPS = 1024;
/** Invocations that share a column: the others of the workgroup take its neighbours. */
const COLUMN_LANES = 8;

interface Choices {
  /** Whether elements are sums of parts already, as pairs of words. */
  readonly pairs: boolean;
  readonly strided: boolean;
  readonly lanes: number;
}

const WORDS = {
  xStart: "u32",
  outerStep: "u32",
  nStep: "u32",
  inner: "u32",
  n: "u32",
  span: "u32",
  parts: "u32",
  units: "u32",
} as const;

/**
 * total = Σ x[o, k, i] over the k of a part, as 64 bits in two words, the lower one first: exact for as many int32s as there can be. A team
 * of `lanes` invocations adds up one part, each every `lanes`-th element, and their sums are joined in a fixed order.
 */
const addUp = (k: KernelText, { pairs, strided, lanes }: Choices): string => {
  const teams = WORKGROUP / lanes;
  return /* wgsl */ `
fn plus64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let low = a.x + b.x;
  return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}
fn wide(value: ${pairs ? "vec2<u32>" : "i32"}) -> vec2<u32> {
  return ${pairs ? "value" : "bitcast<vec2<u32>>(vec2<i32>(value, value >> 31u))"};
}
${teamJoin("joined", "vec2<u32>", lanes, (a, b) => `plus64(${a}, ${b})`, strided)}

${k.main} {
  let unit = (${k.group}) * ${teams}u + ${strided ? `lane % ${teams}u` : `lane / ${lanes}u`};
  let member = ${strided ? `lane / ${teams}u` : `lane % ${lanes}u`};
  let mine = unit < w.units;
  let line = unit / w.inner;
  let part = line % w.parts;
  let base = w.xStart + (line / w.parts) * w.outerStep + unit % w.inner;
  let end = select(0u, min((part + 1u) * w.span, w.n), mine);
  var sum = vec2<u32>();
  for (var k = part * w.span + member; k < end; k += ${lanes}u) { sum = plus64(sum, wide(x[base + k * w.nStep])); }
  let total = joined(sum, lane);
`;
};

/** y[o, part, i] = the part's sum, as a pair. */
const addParts = variants((choices: Choices) =>
  kernel(
    {
      name: "sum",
      workgroup: WORKGROUP,
      words: WORDS,
      bind: { x: read(choices.pairs ? "vec2<u32>" : "i32"), y: write("vec2<u32>") },
    },
    (k) => /* wgsl */ `${addUp(k, choices)}
  if (mine && member == 0u) { y[unit] = total; }
}`,
  ),
);

/** y[o, i] = the line's sum; one that int32 does not hold is reported. */
const addLines = variants((choices: Choices) =>
  kernel(
    {
      name: "sum",
      workgroup: WORKGROUP,
      words: WORDS,
      bind: { x: read(choices.pairs ? "vec2<u32>" : "i32"), y: write("i32") },
      faults: true,
    },
    (k) => /* wgsl */ `${addUp(k, choices)}
  if (mine && member == 0u) {
    let value = bitcast<i32>(total.x);
    if (bitcast<u32>(value >> 31u) != total.y) { report(value); }
    y[unit] = value;
  }
}`,
  ),
);

const fault = () => overflow("sum");

/** The sums of lines of int32, in parts first where a line is long. `region`: the first scratch region that is free. */
export const sumInt32Steps = (
  x: Lines,
  to: Slot,
  region: number,
): { readonly steps: readonly WebgpuStep[]; readonly scratchBytes: readonly number[] } => {
  const { slot, start, outer, outerStep, n, nStep, inner } = x;
  const strided = !inRows(x);
  const lanesFor = (length: number): number =>
    strided ? COLUMN_LANES : ([1, 4, 16, 64].find((size) => length <= 8 * size) ?? WORKGROUP);
  const lanes = lanesFor(n);
  const groups = Math.ceil((outer * inner * lanes) / WORKGROUP);
  const max =
    n < 2 * MIN_EACH * lanes ? 1 : Math.min(Math.ceil(n / (MIN_EACH * lanes)), Math.ceil(TARGET_GROUPS / groups));
  const span = Math.max(1, Math.ceil(n / max));
  const parts = Math.max(1, Math.ceil(n / span));
  const words = { xStart: start, outerStep, nStep, inner, n, span, parts, units: outer * inner * parts };
  const first = { pairs: false, strided, lanes };
  const dispatch = { workgroups: Math.ceil((words.units * lanes) / WORKGROUP) };
  if (parts === 1)
    return { steps: [addLines(first)({ ...words, x: slot, y: to }, { ...dispatch, fault })], scratchBytes: [] };
  const partials = scratch(region);
  const rest = wholeLines(partials, outer, parts, inner);
  const again = lanesFor(parts);
  const last = addLines({ pairs: true, strided, lanes: again })(
    {
      xStart: 0,
      outerStep: rest.outerStep,
      nStep: rest.nStep,
      inner,
      n: parts,
      span: parts,
      parts: 1,
      units: outer * inner,
      x: partials,
      y: to,
    },
    { workgroups: Math.ceil((outer * inner * again) / WORKGROUP), fault },
  );
  return {
    steps: [addParts(first)({ ...words, x: slot, y: partials }, dispatch), last],
    scratchBytes: [words.units * 8],
  };
};
