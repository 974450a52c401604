import type { DType } from "../../dtype.ts";
import { kernel, read, write, type BindingGroup } from "../../backends/webgpu/kernel.ts";
import { mathFor } from "../../backends/webgpu/math.wgsl.ts";
import { wgslType } from "../../backends/webgpu/snippets.wgsl.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import { walkOf, walkTo, walkWords, type WebgpuWalk } from "../../backends/webgpu/walk.wgsl.ts";
import { floats, namedBuffers, wholeNumbers } from "../../backends/webgpu/word-groups.ts";
import type { Attrs, FaultReport, Planner, Signature, Slot, WebgpuStep } from "../../op.ts";
import { broadcastStrides, isContiguous, numel, type Layout, type Shape } from "../../shape.ts";
import { input, output, type ScalarRef } from "../../slots.ts";

const WORKGROUP = 256;
/** Operands in order, as an expression names them. */
const NAMES = ["x", "y", "z"] as const;
type Name = (typeof NAMES)[number];

/** An operand of an elementwise kernel, in strides that walk the result's shape. */
export interface Operand {
  readonly slot: Slot;
  readonly dtype: DType;
  readonly strides: readonly number[];
  readonly offset: number;
}

/** What elementwise kernels differ in. `types`: those of the operands in WGSL, with blanks between; `parameters`: how many there are. */
interface Choices {
  readonly label: string;
  readonly expression: string;
  readonly types: string;
  readonly out: string;
  readonly parameters: number;
  /** Whether the expression may `report` a value. */
  readonly faults: boolean;
}

/** A row says an expression, or the body of a function where it needs a name in between. */
const bodyOf = (expression: string): string => (/\breturn\b/.test(expression) ? expression : `return ${expression};`);

const parameterNames = (count: number): string[] => Array.from({ length: count }, (_, i) => `p${i}`);

/**
 * y[i] = f(x[i], …): `expression` in x, y, z and in the float32 parameters w.p0, w.p1.
 *
 * Where all operands lie in order, or are one element, an invocation computes one vec4; buffers have room for the last one's
 * tail. `kinds` has a letter for each operand: v for a vec4 each, s for one element.
 */
const flatKernel = variants(
  ({ label, expression, types, out, kinds, parameters }: Choices & { readonly kinds: string }) => {
    const list = types.split(" ");
    const names = NAMES.slice(0, list.length);
    const vector = (i: number): boolean => kinds[i] === "v";
    const call = (lane: string): string =>
      `f(${names.map((name, i) => (vector(i) ? `${name}4.${lane}` : `${name}1`)).join(", ")})`;
    return kernel(
      {
        name: label,
        workgroup: WORKGROUP,
        words: {
          count: "u32",
          starts: wholeNumbers(names.map((name) => `${name}Start`)),
          parameters: floats(parameterNames(parameters)),
        },
        bind: {
          operands: operandBuffers(list.map((type, i) => (vector(i) ? `vec4<${type}>` : type))),
          out: write(`vec4<${out}>`),
        },
      },
      (k) => /* wgsl */ `
${mathFor(expression)}
fn f(${names.map((name, i) => `${name}: ${list[i]}`).join(", ")}) -> ${out} { ${bodyOf(expression)} }

${k.main} {
  let i = ${k.invocation};
  if (i >= w.count) { return; }
  ${names.map((name, i) => (vector(i) ? `let ${name}4 = ${name}s[w.${name}Start + i];` : `let ${name}1 = ${name}s[w.${name}Start];`)).join("\n  ")}
  out[i] = vec4<${out}>(${["x", "y", "z", "w"].map(call).join(", ")});
}`,
    );
  },
);

/** The same for any strides: an invocation computes one element. */
const walkKernel = variants(
  ({ label, expression, types, out, rank, parameters, faults }: Choices & { readonly rank: number }) => {
    const list = types.split(" ");
    const names = NAMES.slice(0, list.length);
    return kernel(
      {
        name: label,
        workgroup: WORKGROUP,
        words: { walk: walkWords<Name>(rank, names), parameters: floats(parameterNames(parameters)) },
        bind: { operands: operandBuffers(list), out: write(out) },
        faults,
      },
      (k) => /* wgsl */ `
${mathFor(expression)}
fn f(${names.map((name, i) => `${name}: ${list[i]}`).join(", ")}) -> ${out} { ${bodyOf(expression)} }

${k.main} {
  let i = ${k.invocation};
  if (i >= w.total) { return; }
  ${walkTo(rank, names, "i")}
  out[i] = f(${names.map((name) => `${name}s[${name}At]`).join(", ")});
}`,
    );
  },
);

/** `xs`, `ys` and so on, of these elements. */
const operandBuffers = (types: readonly string[]): BindingGroup<readonly Slot[]> =>
  namedBuffers(types.map((type, i) => [`${NAMES[i]}s`, read(type)] as const));

/** What a step computes, for elements of the operands in order. */
interface Elementwise {
  readonly label: string;
  /** In x, y, z and in the float32 parameters w.p0, w.p1. */
  readonly expression: string;
  readonly shape: Shape;
  readonly operands: readonly Operand[];
  readonly out: { readonly slot: Slot; readonly dtype: DType };
  readonly parameters?: readonly (number | ScalarRef)[];
  /** What to say of a value that the expression reports. */
  readonly fault?: FaultReport | undefined;
}

/** The step that computes an expression over `shape` into a contiguous result. */
export const elementwiseStep = ({
  label,
  expression,
  shape,
  operands,
  out,
  parameters = [],
  fault,
}: Elementwise): WebgpuStep => {
  const types = operands.map(({ dtype }) => wgslType[dtype]).join(" ");
  const choices = {
    label,
    expression,
    types,
    out: wgslType[out.dtype],
    parameters: parameters.length,
    faults: fault !== undefined,
  };
  const bind = { operands: operands.map(({ slot }) => slot), out: out.slot };
  const kinds = operands.map((operand) =>
    operand.strides.every((stride, d) => stride === 0 || shape[d] === 1)
      ? "s"
      : operand.offset % 4 === 0 && isContiguous({ shape, strides: operand.strides })
        ? "v"
        : "-",
  );
  // The lanes beyond the end of a last vec4 hold anything, which is no fault.
  if (!fault && !kinds.includes("-")) {
    const count = Math.ceil(numel(shape) / 4);
    const starts = operands.map(({ offset }, i) => (kinds[i] === "v" ? offset / 4 : offset));
    const flat = flatKernel({ ...choices, kinds: kinds.join("") });
    return flat({ ...bind, count, starts, parameters }, { workgroups: Math.ceil(count / WORKGROUP) });
  }
  const named = Object.fromEntries(operands.map((operand, i) => [NAMES[i]!, operand])) as { [N in Name]: Operand };
  const walk: WebgpuWalk<Name> = walkOf(shape, named);
  return walkKernel({ ...choices, rank: walk.rank })(
    { ...bind, walk, parameters },
    { workgroups: Math.ceil(walk.total / WORKGROUP), ...(fault ? { fault } : {}) },
  );
};

/** Views in, broadcast to a contiguous result. */
export const elementwiseWgsl = <S extends Signature>(
  label: string,
  expression: (inputs: readonly Layout[], attrs: Attrs<S>) => string,
  parameters: (attrs: Attrs<S>) => readonly number[] = () => [],
  fault: (inputs: readonly Layout[]) => FaultReport | undefined = () => undefined,
): Planner<S, WebgpuStep> => ({
  strided: "all",
  plan: ({ inputs, outputs, attrs }) => {
    const layouts = inputs as readonly Layout[];
    const { shape, dtype } = outputs[0] as Layout;
    const operands = layouts.map((layout, i) => ({
      slot: input(i),
      dtype: layout.dtype,
      strides: broadcastStrides(layout, shape),
      offset: layout.offset,
    }));
    const step = elementwiseStep({
      label,
      expression: expression(layouts, attrs),
      shape,
      operands,
      out: { slot: output(0), dtype },
      parameters: parameters(attrs),
      fault: fault(layouts),
    });
    return { steps: [step] };
  },
});
