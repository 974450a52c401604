import type { DType } from "@tessera/tensor";
import type { GraphBuilder } from "../graph-builder.ts";
import { given, type Lowering } from "../lowering.ts";

/** An op that ONNX has under a name of its own, input for input. */
const same =
  (op: string): Lowering =>
  ({ inputs }, graph) =>
    graph.node(op, inputs);

const GELU_FORMS = { none: "none", tanh: "tanh" } as const;

export const gelu = (x: string, approximate: keyof typeof GELU_FORMS, graph: GraphBuilder): string =>
  graph.node("Gelu", [x], { approximate: { text: GELU_FORMS[approximate] } });

/** ln(1 + x) = ln u · x / (u − 1) with u = 1 + x rounded: exact to the last digits near 0, where it is x itself. */
const log1p: Lowering = (call, graph) => {
  const x = given(call);
  const one = graph.scalar(1);
  const u = graph.node("Add", [x, one]);
  const quotient = graph.node("Mul", [graph.node("Log", [u]), graph.node("Div", [x, graph.node("Sub", [u, one])])]);
  const isTiny = graph.node("Equal", [u, one]);
  const isEndless = graph.node("IsInf", [u], { detect_negative: { int: 0 } });
  return graph.node("Where", [isTiny, x, graph.node("Where", [isEndless, u, quotient])]);
};

/** eˣ − 1 = 2t / (1 − t) with t = tanh(x/2) near 0, where the difference would cancel. */
const expm1: Lowering = (call, graph) => {
  const x = given(call);
  const one = graph.scalar(1);
  const t = graph.node("Tanh", [graph.node("Mul", [x, graph.scalar(0.5)])]);
  const near = graph.node("Div", [graph.node("Add", [t, t]), graph.node("Sub", [one, t])]);
  const far = graph.node("Sub", [graph.node("Exp", [x]), one]);
  return graph.node("Where", [graph.node("Less", [graph.node("Abs", [x]), one]), near, far]);
};

const ONNX_TYPES: { readonly [D in DType]: number } = { float32: 1, int32: 6, bool: 9 };

/** A tensor in another dtype. */
export const cast = (x: string, dtype: DType, graph: GraphBuilder): string =>
  graph.node("Cast", [x], { to: { int: ONNX_TYPES[dtype] } });

/** ONNX Runtime's `Where` has no kernel for bool. */
const where: Lowering = (call, graph) => {
  const [condition, a, b] = [given(call), given(call, 1), given(call, 2)];
  if (call.inputSpecs[1]!.dtype !== "bool") return graph.node("Where", [condition, a, b]);
  const otherwise = graph.node("And", [graph.node("Not", [condition]), b]);
  return graph.node("Or", [graph.node("And", [condition, a]), otherwise]);
};

export const elementwise = {
  neg: same("Neg"),
  exp: same("Exp"),
  log: same("Log"),
  log1p,
  expm1,
  sqrt: same("Sqrt"),
  rsqrt: (call, graph) => graph.node("Reciprocal", [graph.node("Sqrt", [given(call)])]),
  abs: same("Abs"),
  tanh: same("Tanh"),
  sigmoid: same("Sigmoid"),
  relu: same("Relu"),
  erf: same("Erf"),
  sin: same("Sin"),
  cos: same("Cos"),
  square: (call, graph) => graph.node("Mul", [given(call), given(call)]),
  reciprocal: same("Reciprocal"),
  silu: (call, graph) => graph.node("Mul", [given(call), graph.node("Sigmoid", [given(call)])]),
  softplus: same("Softplus"),
  sign: same("Sign"),
  floor: same("Floor"),
  logicalNot: same("Not"),
  gelu: ((call, graph) => gelu(given(call), call.attrs.approximate, graph)) as Lowering<{
    approximate: "none" | "tanh";
  }>,
  clamp: ((call, graph) =>
    graph.node("Clip", [given(call), graph.scalar(call.attrs.min), graph.scalar(call.attrs.max)])) as Lowering<{
    min: number;
    max: number;
  }>,
  cast: ((call, graph) => cast(given(call), call.attrs.dtype, graph)) as Lowering<{ dtype: DType }>,
  add: same("Add"),
  sub: same("Sub"),
  mul: same("Mul"),
  div: same("Div"),
  maximum: same("Max"),
  minimum: same("Min"),
  pow: same("Pow"),
  fmod: (call, graph) => graph.node("Mod", call.inputs, { fmod: { int: 1 } }),
  bitwiseAnd: (call, graph) => graph.node(call.inputSpecs[0]!.dtype === "bool" ? "And" : "BitwiseAnd", call.inputs),
  eq: same("Equal"),
  ne: (call, graph) => graph.node("Not", [graph.node("Equal", call.inputs)]),
  lt: same("Less"),
  le: same("LessOrEqual"),
  gt: same("Greater"),
  ge: same("GreaterOrEqual"),
  logicalAnd: same("And"),
  logicalOr: same("Or"),
  where,
} satisfies { readonly [op: string]: Lowering<never> };
