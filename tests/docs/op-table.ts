import { notDifferentiable, onceDifferentiable } from "@tessera/autograd";
import { ruleOf } from "@tessera/autograd/internal/define-vjps";
import type { Op, Signature } from "@tessera/tensor/extend";
import * as nnComposed from "@tessera/nn/internal/ops/composed";
import { families as nnFamilies } from "@tessera/nn/families";
// Teaches autograd the gradients.
import "@tessera/sparse";
import { families as sparseFamilies } from "@tessera/sparse/families";
import { composed, families } from "@tessera/tensor/families";
import { notMethods } from "@tessera/tensor/internal/not-methods";
import { nnSamples, samples, sparseSamples } from "../samples/all.ts";
import type { SampleTables } from "../support/sample.ts";

interface Family {
  readonly title: string;
  readonly ops: object;
  readonly samples: object;
}

/** The families of a record, with the samples of their functions. */
const familiesOf = <F extends { readonly [name: string]: object }>(
  families: F,
  samples: SampleTables<F>,
  suffix = "",
): Family[] =>
  Object.entries(families).map(([name, ops]) => ({
    title: `${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}${suffix}`,
    ops,
    samples: samples[name]!,
  }));

const all = [
  ...familiesOf(families, samples),
  ...familiesOf(nnFamilies, nnSamples, " (nn)"),
  ...familiesOf(sparseFamilies, sparseSamples, " (sparse)"),
];

const isOp = (value: unknown): value is Op<Signature> =>
  typeof value === "object" && value !== null && "infer" in value && "kernels" in value;

const YES = "yes";
const NO = "–";

/** Where an op runs, by device. */
const kernelsOf = ({ kernels }: Op<Signature>): readonly [cpu: string, webgpu: string] =>
  "view" in kernels
    ? ["view", "view"]
    : [kernels.cpu === "reference" ? "by the reference" : YES, kernels.webgpu ? YES : NO];

const gradientOf = (op: Op<Signature>): string => {
  const rule = ruleOf(op);
  if (rule === undefined || rule === notDifferentiable) return NO;
  return rule === onceDifferentiable ? "once" : "any order";
};

interface Row {
  readonly op: string;
  readonly cells: readonly string[];
}

const rowsOf = (ops: object, samples: object): Row[] =>
  Object.values(ops)
    .filter(isOp)
    .map((op) => {
      const own = (samples as { readonly [name: string]: readonly unknown[] })[op.name] ?? [];
      return { op: op.name, cells: [...kernelsOf(op), gradientOf(op), own.length > 0 ? YES : NO] };
    })
    .toSorted((a, b) => (a.op < b.op ? -1 : 1));

/** The functions that users call, and which of them are no methods of a tensor. */
const functionsOf = (ops: object): string[] => {
  const names = Object.keys(ops)
    .filter((name) => !/(Op|Backward)$/.test(name))
    .toSorted();
  if (names.length === 0) return [];
  const left = names.filter((name) => (notMethods as readonly string[]).includes(name));
  const list = (of: readonly string[]): string => of.map((name) => `\`${name}\``).join(", ");
  return ["", `Functions: ${list(names)}.${left.length > 0 ? ` No methods: ${list(left)}.` : ""}`];
};

const HEAD = ["op", "cpu", "webgpu", "gradient", "sampled"];

const tableOf = (rows: readonly Row[]): string[] => {
  const lines = [HEAD, ...rows.map(({ op, cells }) => [`\`${op}\``, ...cells])];
  const widths = HEAD.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)));
  const [head, ...rest] = lines.map((line) => `| ${line.map((cell, at) => cell.padEnd(widths[at]!)).join(" | ")} |`);
  return [head!, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rest];
};

/** docs/generated/ops.md: which op runs where, from the ops themselves and their samples. */
export const opTable = (): string => {
  const tables = all.map(({ title, ops, samples }) => ({
    title,
    functions: functionsOf(ops),
    rows: rowsOf(ops, samples),
  }));
  const rows = tables.flatMap((table) => table.rows);
  const withWebgpu = rows.filter(({ cells }) => cells[1] !== NO).length;
  return [
    "# Ops and where they run",
    "",
    "Made by `npm run docs:ops` from the ops and their samples; a test compares.",
    "",
    `${rows.length} ops. The reference device runs all of them, \`cpu\` ${rows.filter(({ cells }) => cells[0] !== NO).length}, \`webgpu\` ${withWebgpu}.`,
    "",
    "- **view**: shares the storage where strides allow; nothing runs.",
    "- **gradient**: of any order, once (its gradient has none), or – where there is none. An op made only for another's gradient may have none.",
    "- **sampled**: calls of the function of that name are compared with the reference on every device. Ops of other names than their",
    "  functions are sampled by those (`adam` by `adamStep`), and fused backwards by the gradients of what they belong to.",
    "- **Functions** are exported by `@tessera/tensor`, and methods of a tensor too but for those named. Those of families of nn and sparse are",
    "  exported by these packages, or by their `./ops/*`.",
    ...tables.flatMap((table) => ["", `## ${table.title}`, ...table.functions, "", ...tableOf(table.rows)]),
    "",
    "## composed",
    ...functionsOf(composed),
    "",
    "## composed (nn)",
    ...functionsOf(nnComposed),
    "",
  ].join("\n");
};
