import { kernel, read, write } from "../../backends/webgpu/kernel.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import type { Planner, Slot, WebgpuStep } from "../../op.ts";
import { output, scratch } from "../../slots.ts";
import type { Tensor } from "../../tensor.ts";
import { inRows, keyText, wholeLines, type Lines } from "./fold.wgsl.ts";
import { linesOf } from "./lines.wgsl.ts";
import { teamJoin, WORKGROUP } from "./team.wgsl.ts";

/** Elements of a part of a line, at least, and how many workgroups are enough. */
const MIN_PART = 4096;
const TARGET_GROUPS = 1024;

interface SearchChoices {
  readonly source: "f32" | "i32" | "pairs";
  readonly lanes: number;
  readonly strided: boolean;
  readonly last: boolean;
}

/**
 * The first k of the largest x[o, k, i]. A team of `lanes` invocations searches a part of a line, each with every lanes-th element;
 * `strided` teams' neighbours take neighbouring lines. A candidate is (key, k): of equal keys the smaller k wins, so the order of joins
 * does not matter. Partial results are candidates, and `source` says whether x is elements or those.
 */
const search = variants(({ source, lanes, strided, last }: SearchChoices) => {
  const teams = WORKGROUP / lanes;
  const pairs = source === "pairs";
  const element = source === "f32" ? "keyOf(select(x[at], 0, x[at] == -2147483648))" : "x[at]";
  return kernel(
    {
      name: "argmax",
      workgroup: WORKGROUP,
      words: {
        xStart: "u32",
        outerStep: "u32",
        nStep: "u32",
        inner: "u32",
        n: "u32",
        span: "u32",
        parts: "u32",
        lines: "u32",
      },
      bind: { x: read(pairs ? "vec2<i32>" : "i32"), y: write(last ? "i32" : "vec2<i32>") },
    },
    (k) => /* wgsl */ `
// Equal floats have equal keys: −0 counts as 0.
${source === "f32" ? keyText("2147483647", false) : ""}
fn better(a: vec2<i32>, b: vec2<i32>) -> vec2<i32> {
  return select(a, b, b.x > a.x || (b.x == a.x && b.y < a.y));
}
${teamJoin("joined", "vec2<i32>", lanes, (a, b) => `better(${a}, ${b})`, strided)}

${k.main} {
  let unit = (${k.group}) * ${teams}u + ${strided ? `lane % ${teams}u` : `lane / ${lanes}u`};
  let member = ${strided ? `lane / ${teams}u` : `lane % ${lanes}u`};
  let part = unit / w.lines;
  let line = unit % w.lines;
  let mine = part < w.parts;
  let end = select(0u, min((part + 1u) * w.span, w.n), mine);
  let base = w.xStart + (line / w.inner) * w.outerStep + line % w.inner;
  // Whatever there is, is at least as good.
  var best = vec2<i32>(-2147483648, 2147483647);
  for (var k = part * w.span + member; k < end; k += ${lanes}u) {
    let at = base + k * w.nStep;
    best = better(best, ${pairs ? "x[at]" : `vec2<i32>(${element}, i32(k))`});
  }
  let found = joined(best, lane);
  if (mine && member == 0u) { y[line * w.parts + part] = ${last ? "found.y" : "found"}; }
}`,
  );
});

const searchStep = (
  { source, last }: Pick<SearchChoices, "source" | "last">,
  x: Lines,
  to: Slot,
  parts: number,
): WebgpuStep => {
  const { slot, start, outer, outerStep, n, nStep, inner } = x;
  const count = outer * inner;
  const span = Math.ceil(n / parts);
  const strided = !inRows(x);
  const team = [1, 4, 16, 64].find((size) => span <= size * 8) ?? WORKGROUP;
  // Neighbours of a strided team read neighbouring lines; with lines enough for everybody, each is one invocation's.
  const lanes = !strided ? team : count >= TARGET_GROUPS * WORKGROUP ? 1 : Math.min(team, 16);
  return search({ source, lanes, strided, last })(
    { x: slot, y: to, xStart: start, outerStep, nStep, inner, n, span, parts, lines: count },
    { workgroups: Math.ceil((count * parts * lanes) / WORKGROUP) },
  );
};

export const argmaxWgsl: Planner<
  { inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: { dim: number; keepdim: boolean } },
  WebgpuStep
> = {
  strided: "all",
  plan: ({ inputs: [x], attrs: { dim } }) => {
    const { lines, before, scratchBytes } = linesOf(x, x.shape.length === 0 ? [] : [dim]);
    const type = x.dtype === "float32" ? "f32" : "i32";
    const count = lines.outer * lines.inner;
    const max = Math.min(Math.ceil(lines.n / MIN_PART), Math.ceil(TARGET_GROUPS / count));
    if (max <= 1) {
      const step = searchStep({ source: type, last: true }, lines, output(0), 1);
      return { steps: [...before, step], scratchBytes: [...scratchBytes] };
    }
    const parts = Math.ceil(lines.n / Math.ceil(lines.n / max));
    const pairs = scratch(scratchBytes.length);
    const steps = [
      searchStep({ source: type, last: false }, lines, pairs, parts),
      searchStep({ source: "pairs", last: true }, wholeLines(pairs, count, parts, 1), output(0), 1),
    ];
    return { steps: [...before, ...steps], scratchBytes: [...scratchBytes, count * parts * 8] };
  },
};
