import * as t from "@tessera/tensor";
import type { DType, Tensor } from "@tessera/tensor";
import type { ComposedOp } from "./composed-ops.ts";

type Unary = (x: Tensor) => Tensor;
type Binary = (x: Tensor, y: Tensor | number) => Tensor;

const number = (value: unknown): number => Number(value);
const fallback = (value: unknown, otherwise: number): number => (value === undefined || value === null ? otherwise : Number(value));

const each = (f: Unary): ComposedOp => ({ kind: "each", call: ([x]) => f(x!) });
/** Of two tensors, or of one and a number, which torch calls `other`. */
const pair = (kind: ComposedOp["kind"], f: Binary): ComposedOp => ({ kind, call: ([x, y], { other }) => f(x!, y ?? number(other)) });
const exactOf = (f: Unary): ComposedOp => ({ kind: "exact", call: ([x]) => f(x!) });
/** float32 is torch's own dtype for what says none. */
const made = ({ dtype }: { readonly [name: string]: unknown }): t.CreateOptions => ({ dtype: (dtype ?? "float32") as DType });

const trigonometry: { readonly [name: string]: ComposedOp } = {
  tan: each(t.tan),
  asin: each(t.asin),
  acos: each(t.acos),
  atan: each(t.atan),
  sinh: each(t.sinh),
  cosh: each(t.cosh),
  asinh: each(t.asinh),
  acosh: each(t.acosh),
  atanh: each(t.atanh),
};

/** Ops of arithmetic by torch's names. */
export const arithmeticOps: { readonly [name: string]: ComposedOp } = {
  ...trigonometry,
  // Torch has the inverse ones by both names.
  ...Object.fromEntries(Object.entries(trigonometry).flatMap(([name, row]) => (name.startsWith("a") ? [[`arc${name.slice(1)}`, row]] : []))),
  atan2: pair("each", (y, x) => t.atan2(y, x)),
  arctan2: pair("each", (y, x) => t.atan2(y, x)),
  expm1: each(t.expm1),
  frac: each(t.frac),
  mish: each(t.mish),
  tanhshrink: each(t.tanhshrink),
  logsigmoid: each(t.logSigmoid),
  softshrink: { kind: "each", call: ([x], { lambd }) => t.softshrink(x!, fallback(lambd, 0.5)) },
  hardshrink: { kind: "exact", call: ([x], { lambd }) => t.hardshrink(x!, fallback(lambd, 0.5)) },
  hardtanh: { kind: "exact", call: ([x], { min_val, max_val }) => t.hardTanh(x!, fallback(min_val, -1), fallback(max_val, 1)) },
  relu6: exactOf((x) => t.hardTanh(x, 0, 6)),
  hardsigmoid: each(t.hardSigmoid),
  hardswish: each(t.hardSwish),
  threshold: { kind: "exact", call: ([x], { threshold, value }) => t.threshold(x!, number(threshold), number(value)) },
  glu: { kind: "each", call: ([x], { dim }) => t.glu(x!, fallback(dim, -1)) },
  nan_to_num: { kind: "exact", call: ([x], attrs) => t.nanToNum(x!, Object.fromEntries(Object.entries(attrs).filter(([, value]) => typeof value === "number"))) },
  clip: { kind: "each", call: ([x], { min, max }) => t.clamp(x!, fallback(min, -Infinity), fallback(max, Infinity)) },
  // ---- division with remainder, and bits
  fmod: pair("each", t.fmod),
  mod: { kind: "each", call: ([x, y], { fmod }) => (fmod ? t.fmod : t.remainder)(x!, y!) },
  remainder: pair("each", t.remainder),
  floor_divide: pair("exact", t.floorDivide),
  floor_div: pair("exact", t.floorDivide),
  bitwise_and: pair("exact", t.bitwiseAnd),
  bitwise_or: pair("exact", t.bitwiseOr),
  bitwise_xor: pair("exact", t.bitwiseXor),
  bitwise_not: exactOf(t.bitwiseNot),
  bitwise_left_shift: pair("exact", t.bitwiseLeftShift),
  bitwise_right_shift: pair("exact", t.bitwiseRightShift),
  logical_xor: { kind: "exact", call: ([x, y]) => t.logicalXor(x!, y!) },
  // ---- running sums and products
  cumprod: { kind: "summed", call: ([x], attrs) => t.cumprod(x!, running(attrs)) },
  cumsum: { kind: "summed", call: ([x], attrs) => t.cumsum(x!, running(attrs)) },
  // ---- numbers in order
  linspace: { kind: "each", call: (_, attrs) => t.linspace(number(attrs["start"]), number(attrs["end"]), number(attrs["steps"]), made(attrs)) },
  logspace: {
    kind: "each",
    call: (_, attrs) =>
      t.logspace(number(attrs["start"]), number(attrs["end"]), number(attrs["steps"]), { ...made(attrs), base: fallback(attrs["base"], 10) }),
  },
  eye: { kind: "exact", call: (_, attrs) => t.eye(number(attrs["n"]), fallback(attrs["m"], number(attrs["n"])), made(attrs)) },
};

function running({ dim, exclusive, reverse }: { readonly [name: string]: unknown }): t.RunningOptions {
  return { dim: fallback(dim, 0), exclusive: exclusive === true, reverse: reverse === true };
}
