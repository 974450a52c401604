import { notDifferentiable, onceDifferentiable, ruleOf } from "@tessera/autograd";
import * as blockCopy from "@tessera/sparse/ops/block-copy";
import * as blockMatmul from "@tessera/sparse/ops/block-matmul";
// Teaches autograd the gradients.
import "@tessera/sparse";
import type { Op, Signature } from "@tessera/tensor";
import * as attention from "@tessera/tensor/ops/attention";
import * as elementwise from "@tessera/tensor/ops/elementwise";
import * as index from "@tessera/tensor/ops/index";
import * as loss from "@tessera/tensor/ops/loss";
import * as matmul from "@tessera/tensor/ops/matmul";
import * as move from "@tessera/tensor/ops/move";
import * as norm from "@tessera/tensor/ops/norm";
import * as random from "@tessera/tensor/ops/random";
import * as reduce from "@tessera/tensor/ops/reduce";
import * as softmax from "@tessera/tensor/ops/softmax";
import * as update from "@tessera/tensor/ops/update";
import { attentionSamples } from "../samples/attention.ts";
import { blockCopySamples } from "../samples/block-copy.ts";
import { blockMatmulSamples } from "../samples/block-matmul.ts";
import { elementwiseSamples } from "../samples/elementwise.ts";
import { indexSamples } from "../samples/index.ts";
import { lossSamples } from "../samples/loss.ts";
import { matmulSamples } from "../samples/matmul.ts";
import { moveSamples } from "../samples/move.ts";
import { normSamples } from "../samples/norm.ts";
import { randomSamples } from "../samples/random.ts";
import { reduceSamples } from "../samples/reduce.ts";
import { softmaxSamples } from "../samples/softmax.ts";

/** The families of ops, with the samples of their functions. */
const families: readonly (readonly [title: string, ops: object, samples: object])[] = [
  ["elementwise", elementwise, elementwiseSamples],
  ["reduce", reduce, reduceSamples],
  ["move", move, moveSamples],
  ["index", index, indexSamples],
  ["random", random, randomSamples],
  ["matmul", matmul, matmulSamples],
  ["softmax", softmax, softmaxSamples],
  ["norm", norm, normSamples],
  ["loss", loss, lossSamples],
  ["attention", attention, attentionSamples],
  ["update", update, {}],
  ["block-matmul (sparse)", blockMatmul, blockMatmulSamples],
  ["block-copy (sparse)", blockCopy, blockCopySamples],
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

const HEAD = ["op", "cpu", "webgpu", "gradient", "sampled"];

const tableOf = (rows: readonly Row[]): string[] => {
  const lines = [HEAD, ...rows.map(({ op, cells }) => [`\`${op}\``, ...cells])];
  const widths = HEAD.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)));
  const [head, ...rest] = lines.map((line) => `| ${line.map((cell, at) => cell.padEnd(widths[at]!)).join(" | ")} |`);
  return [head!, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rest];
};

/** docs/generated/ops.md: which op runs where, from the ops themselves and their samples. */
export const opTable = (): string => {
  const all = families.map(([title, ops, samples]) => ({ title, rows: rowsOf(ops, samples) }));
  const rows = all.flatMap((family) => family.rows);
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
    "- **sampled**: calls of the function of that name are compared with the reference on every device. Functions of other names, and",
    "  `update`, have tests of their own.",
    ...all.flatMap((family) => ["", `## ${family.title}`, "", ...tableOf(family.rows)]),
    "",
  ].join("\n");
};
