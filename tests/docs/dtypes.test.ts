// docs/dtypes.md says what dtype every op gives: the table is read, and every op is called with operands of every dtype.
import { readFileSync } from "node:fs";
import * as t from "@tessera/tensor";
import type { DType, Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";

const text = readFileSync(new URL("../../docs/dtypes.md", import.meta.url), "utf8");

interface Row {
  readonly op: string;
  readonly dtype: DType;
  /** What comes out, in order; `null`: nothing, the dtype is refused. */
  readonly gives: readonly string[] | null;
}

const DTYPES: readonly DType[] = ["float32", "int32", "bool"];

/** The rows of the table under "Results". */
const rows: Row[] = text
  .slice(text.indexOf("## Results"))
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .flatMap((line) => {
    const [ops, ...cells] = line.split("|").slice(1, -1) as [string, ...string[]];
    return [...ops.matchAll(/`(\w+)`/g)].flatMap(([, op]) =>
      cells.map((cell, i) => ({
        op: op!,
        dtype: DTYPES[i]!,
        gives: cell.trim() === "–" ? null : cell.trim().split(", "),
      })),
    );
  });

/** Not all elements equal, and all of them small. */
const matrix = (dtype: DType): Tensor => t.tensor([1, 0, 1, 1], undefined, { dtype }).reshape([2, 2]);
const ones = (dtype: DType): Tensor => t.ones([2, 2], { dtype });
const places = (): Tensor => t.zeros([2, 2], { dtype: "int32" });

type Result = Tensor | readonly Tensor[];
/** How an op is called where it takes more than the tensor. */
const calls: { readonly [op: string]: (x: Tensor) => Result } = {
  ...Object.fromEntries(
    (
      [
        "add",
        "sub",
        "mul",
        "div",
        "pow",
        "atan2",
        "hypot",
        "maximum",
        "minimum",
        "fmod",
        "remainder",
        "floorDivide",
      ] as const
    ).map((op) => [op, (x: Tensor) => t[op](x, ones(x.dtype))]),
  ),
  ...Object.fromEntries(
    (["eq", "ne", "lt", "le", "gt", "ge"] as const).map((op) => [op, (x: Tensor) => t[op](x, ones(x.dtype))]),
  ),
  ...Object.fromEntries(
    (
      [
        "logicalAnd",
        "logicalOr",
        "logicalXor",
        "bitwiseAnd",
        "bitwiseOr",
        "bitwiseXor",
        "bitwiseLeftShift",
        "bitwiseRightShift",
        "matmul",
      ] as const
    ).map((op) => [op, (x: Tensor) => t[op](x, ones(x.dtype))]),
  ),
  lerp: (x) => t.lerp(x, ones(x.dtype), 0.5),
  clamp: (x) => t.clamp(x, 0, 1),
  threshold: (x) => t.threshold(x, 0, 2),
  cumsum: (x) => t.cumsum(x, 0),
  cumprod: (x) => t.cumprod(x, 0),
  softmax: (x) => t.softmax(x, 0),
  topk: (x) => t.topk(x, 1),
  outer: (x) => t.outer(x.reshape([4]), x.reshape([4])),
  dot: (x) => t.dot(x.reshape([4]), x.reshape([4])),
  mv: (x) => t.mv(x, ones(x.dtype).select(0, 0)),
  bmm: (x) => t.bmm(x.unsqueeze(0), x.unsqueeze(0)),
  where: (x) => t.where(t.ones([2], { dtype: "bool" }), x, x),
  maskedFill: (x) => t.maskedFill(x, t.ones([2], { dtype: "bool" }), 1),
  cat: (x) => t.cat([x, x]),
  stack: (x) => t.stack([x, x]),
  gather: (x) => t.gather(x, 0, places()),
  indexSelect: (x) => t.indexSelect(x, 0, places().select(0, 0)),
  scatterAdd: (x) => t.scatterAdd(x, 0, places(), x),
  indexAdd: (x) => t.indexAdd(x, 0, places().select(0, 0), x),
  segmentSum: (x) => t.segmentSum(x, places().select(0, 0), 1),
  scatter: (x) => t.scatter(x, 0, places(), x),
  repeatInterleave: (x) => t.repeatInterleave(x, 2),
  pad: (x) => t.pad(x, [1, 1]),
  flip: (x) => t.flip(x, [0]),
  roll: (x) => t.roll(x, 1, 0),
  tile: (x) => t.tile(x, [2, 1]),
  reshape: (x) => t.reshape(x, [4]),
  permute: (x) => t.permute(x, [1, 0]),
  expand: (x) => t.expand(x, [3, 2, 2]),
  slice: (x) => t.slice(x, 0),
};

describe("the table of results in docs/dtypes.md", () => {
  it("has a row for every dtype of many ops", () => expect(rows.length).toBeGreaterThan(200));

  it.each(rows.map((row) => [row.op, row.dtype, row] as const))("%s of %s", (op, dtype, { gives }) =>
    withoutLeaks(() => {
      const call = calls[op] ?? (t as unknown as { readonly [op: string]: (x: Tensor) => Result })[op]!;
      const dtypes = (): string[] =>
        t.scope(() => {
          const result = call(matrix(dtype));
          return (result instanceof t.Tensor ? [result] : result).map((y) => y.dtype);
        });
      if (gives === null) expect(dtypes).toThrow(t.DTypeError);
      // Of several of one dtype, such as those of `unbind`, the table says it once.
      else expect(gives.length > 1 ? dtypes() : [...new Set(dtypes())]).toEqual(gives);
    }),
  );
});
