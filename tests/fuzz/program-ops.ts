import * as t from "@tessera/tensor";
import type { DType } from "@tessera/tensor";
import {
  type ProgramOp,
  list,
  num,
  float,
  numel,
  one,
  narrower,
  two,
  dimOf,
  positive,
  without,
  reduced,
  reduction,
  along,
  unary,
  moved,
  indexInput,
} from "./draw-op.ts";

export const programOps: readonly ProgramOp[] = [
  // ---- elementwise
  unary("neg", "equal", t.neg),
  unary("abs", "equal", t.abs),
  unary("relu", "equal", t.relu),
  unary("sign", "equal", t.sign),
  unary("floor", "equal", t.floor),
  ...(
    [
      "exp",
      "log",
      "sqrt",
      "rsqrt",
      "tanh",
      "sigmoid",
      "erf",
      "square",
      "reciprocal",
      "silu",
      "softplus",
      "sin",
      "cos",
      "atan",
      "sinh",
      "asinh",
    ] as const
  ).map((name) => unary(name, "each", t[name])),
  one(
    "gelu",
    "each",
    ([x], { approximate }) => t.gelu(x!, { approximate: approximate as "none" }),
    (shape, { choices }) => ({ shape, attrs: { approximate: choices.pick(["none", "tanh"]) } }),
  ),
  one(
    "clamp",
    "equal",
    ([x], { min, max }) => t.clamp(x!, num(min), num(max)),
    (shape, { choices }) => ({ shape, attrs: { min: choices.pick([-1, 0, -0.5]), max: choices.pick([1, 0.5, 2]) } }),
  ),
  two("add", "each", t.add),
  two("sub", "each", t.sub),
  two("mul", "each", t.mul),
  two("div", "each", t.div),
  two("maximum", "equal", t.maximum),
  two("minimum", "equal", t.minimum),
  two("pow", "each", t.pow),
  ...(["eq", "ne", "lt", "le", "gt", "ge"] as const).map((name) =>
    two(name, "equal", t[name], { of: ["float32", "int32"], dtype: "bool" }),
  ),
  two("logicalAnd", "equal", t.logicalAnd, { of: ["bool"] }),
  two("logicalOr", "equal", t.logicalOr, { of: ["bool"] }),
  one(
    "logicalNot",
    "equal",
    ([x]) => t.logicalNot(x!),
    (shape) => ({ shape }),
    ["bool"],
  ),
  one(
    "cast",
    "equal",
    ([x], { dtype }) => t.cast(x!, dtype as DType),
    (shape) => ({ shape, attrs: { dtype: "float32" }, dtype: "float32" }),
    ["bool", "int32"],
  ),
  {
    name: "where",
    within: "equal",
    call: ([condition, a, b]) => t.where(condition!, a!, b!),
    draw: (draw) => {
      const { choices, at, specs, addInput } = draw;
      const { shape, dtype } = specs[at]!;
      if (dtype !== "float32") return null;
      const condition = addInput({ shape: narrower(shape, choices), dtype: "bool" });
      const other = addInput(float(narrower(shape, choices)));
      return {
        args: choices.below(2) === 0 ? [condition, at, other] : [condition, other, at],
        attrs: {},
        spec: float(shape),
      };
    },
  },
  {
    name: "maskedFill",
    within: "equal",
    call: ([x, mask], { value }) => t.maskedFill(x!, mask!, num(value)),
    draw: ({ choices, at, specs, addInput }) => {
      const { shape, dtype } = specs[at]!;
      if (dtype !== "float32") return null;
      return {
        args: [at, addInput({ shape: narrower(shape, choices), dtype: "bool" })],
        attrs: { value: choices.pick([0, -1, 7.5]) },
        spec: float(shape),
      };
    },
  },
  // ---- reductions
  one("sum", "summed", ([x], attrs) => t.sum(x!, reduction(attrs)), reduced()),
  one("mean", "summed", ([x], attrs) => t.mean(x!, reduction(attrs)), reduced({ some: true })),
  one("amax", "equal", ([x], attrs) => t.amax(x!, reduction(attrs)), reduced({ some: true })),
  one("amin", "equal", ([x], attrs) => t.amin(x!, reduction(attrs)), reduced({ some: true })),
  one(
    "variance",
    "summed",
    ([x], attrs) => t.variance(x!, reduction(attrs)),
    reduced({ some: true }, (choices) => ({ correction: choices.pick([0, 1]) })),
  ),
  one(
    "std",
    "summed",
    ([x], attrs) => t.std(x!, reduction(attrs)),
    reduced({ some: true }, (choices) => ({ correction: choices.pick([0, 1]) })),
  ),
  one("logsumexp", "summed", ([x], attrs) => t.logsumexp(x!, reduction(attrs)), reduced({ some: true })),
  one(
    "vectorNorm",
    "summed",
    ([x], attrs) => t.vectorNorm(x!, reduction(attrs)),
    reduced({ some: true }, (choices) => ({ p: choices.pick([2, 1, 3, 0.5]) })),
  ),
  one(
    "argmax",
    "equal",
    ([x], { dim, keepdim }) => t.argmax(x!, num(dim), { keepdim: keepdim === true }),
    (shape, { choices }) => {
      if (shape.length === 0 || numel(shape) === 0) return null;
      const dim = dimOf(shape, choices);
      const keepdim = choices.below(2) === 1;
      return { attrs: { dim, keepdim }, shape: without(shape, [positive(dim, shape.length)], keepdim), dtype: "int32" };
    },
  ),
  one("cumsum", "summed", ([x], { dim }) => t.cumsum(x!, num(dim)), along),
  one("softmax", "summed", ([x], { dim }) => t.softmax(x!, num(dim)), along),
  one("logSoftmax", "summed", ([x], { dim }) => t.logSoftmax(x!, num(dim)), along),
  // ---- moves
  moved(
    "reshape",
    ([x], { shape }) => t.reshape(x!, list(shape)),
    (shape, { choices }) => {
      const turned = choices.below(2) === 0 ? [numel(shape)] : [...shape].reverse();
      return { attrs: { shape: turned }, shape: turned };
    },
  ),
  moved(
    "permute",
    ([x], { dims }) => t.permute(x!, list(dims)),
    (shape, { choices }) => {
      const dims = [...shape.keys()];
      for (let i = dims.length - 1; i > 0; i--) {
        const j = choices.below(i + 1);
        [dims[i], dims[j]] = [dims[j]!, dims[i]!];
      }
      return { attrs: { dims }, shape: dims.map((d) => shape[d]!) };
    },
  ),
  moved(
    "expand",
    ([x], { shape }) => t.expand(x!, list(shape)),
    (shape, { choices }) => {
      const wider = [
        ...(choices.below(2) === 1 ? [2] : []),
        ...shape.map((size) => (size === 1 ? choices.pick([3, 1, 2]) : size)),
      ];
      return { attrs: { shape: wider }, shape: wider };
    },
  ),
  moved(
    "unsqueeze",
    ([x], { dim }) => t.unsqueeze(x!, num(dim)),
    (shape, { choices }) => {
      const dim = choices.below(shape.length + 1);
      return shape.length > 3 ? null : { attrs: { dim }, shape: [...shape.slice(0, dim), 1, ...shape.slice(dim)] };
    },
  ),
  moved(
    "squeeze",
    ([x]) => t.squeeze(x!),
    (shape) => ({ shape: shape.filter((size) => size !== 1) }),
  ),
  moved(
    "slice",
    ([x], { dim, start, step }) => t.slice(x!, num(dim), { start: num(start), step: num(step) }),
    (shape, { choices }) => {
      if (shape.length === 0) return null;
      const [dim, start, step] = [choices.below(shape.length), choices.below(3), 1 + choices.below(3)];
      const count = Math.ceil(Math.max(shape[dim]! - start, 0) / step);
      return { attrs: { dim, start, step }, shape: shape.map((size, d) => (d === dim ? count : size)) };
    },
  ),
  moved(
    "select",
    ([x], { dim, index }) => t.select(x!, num(dim), num(index)),
    (shape, { choices }) => {
      if (shape.length === 0) return null;
      const dim = choices.below(shape.length);
      if (shape[dim] === 0) return null;
      const index = choices.below(2) === 0 ? choices.below(shape[dim]!) : -1;
      return { attrs: { dim, index }, shape: without(shape, [dim], false) };
    },
  ),
  moved(
    "diagonal",
    ([x], { offset, dims }) => t.diagonal(x!, num(offset), list(dims)[0], list(dims)[1]),
    (shape, { choices }) => {
      if (shape.length < 2) return null;
      const dims = choices.pick([
        [0, 1],
        [1, 0],
        [0, -1],
      ]);
      const offset = choices.below(3) - 1;
      const [row, column] = dims.map((dim) => positive(dim, shape.length)) as [number, number];
      const length = Math.min(shape[row]! + Math.min(offset, 0), shape[column]! - Math.max(offset, 0));
      if (length < 0) return null;
      return { attrs: { offset, dims }, shape: [...without(shape, [row, column], false), length] };
    },
  ),
  moved(
    "unbind",
    ([x], { dim, index }) => t.scope(() => t.unbind(x!, num(dim))[num(index)]!),
    (shape, { choices }) => {
      if (shape.length === 0) return null;
      const dim = choices.below(shape.length);
      if (shape[dim] === 0) return null;
      return { attrs: { dim, index: choices.below(shape[dim]!) }, shape: without(shape, [dim], false) };
    },
  ),
  moved(
    "flip",
    ([x], { dims }) => t.flip(x!, list(dims)),
    (shape, { choices }) => (shape.length === 0 ? null : { attrs: { dims: [choices.below(shape.length)] }, shape }),
  ),
  moved(
    "roll",
    ([x], { shifts, dim }) => t.roll(x!, num(shifts), num(dim)),
    (shape, { choices }) =>
      shape.length === 0 ? null : { attrs: { shifts: choices.below(7) - 3, dim: choices.below(shape.length) }, shape },
  ),
  moved(
    "tile",
    ([x], { repeats }) => t.tile(x!, list(repeats)),
    (shape, { choices }) => {
      const repeats = shape.map(() => choices.pick([1, 2, 1]));
      return shape.length === 0 ? null : { attrs: { repeats }, shape: shape.map((size, d) => size * repeats[d]!) };
    },
  ),
  one(
    "pad",
    "equal",
    ([x], { pad, value }) => t.pad(x!, list(pad), num(value)),
    (shape, { choices }) => {
      if (shape.length === 0) return null;
      const pad = [choices.pick([1, 0, 2, -1]), choices.pick([0, 1, 2])];
      const last = shape.at(-1)! + pad[0]! + pad[1]!;
      return shape.at(-1)! + pad[0]! < 0
        ? null
        : { attrs: { pad, value: choices.pick([0, 2.5]) }, shape: [...shape.slice(0, -1), last] };
    },
  ),
  ...(["tril", "triu"] as const).map((name) =>
    one(
      name,
      "equal",
      ([x], { diagonal }) => t[name](x!, num(diagonal)),
      (shape, { choices }) => (shape.length < 2 ? null : { attrs: { diagonal: choices.below(5) - 2 }, shape }),
    ),
  ),
  ...(["cat", "stack"] as const).map((name): ProgramOp => ({
    name,
    within: "equal",
    call: (args, { dim }) => t[name](args, num(dim)),
    draw: ({ choices, at, specs }) => {
      const { shape, dtype } = specs[at]!;
      if (shape.length === 0 || shape.length > 3) return null;
      const same = specs.flatMap((spec, i) => (spec.dtype === dtype && spec.shape.join() === shape.join() ? [i] : []));
      const dim = choices.below(shape.length);
      const grown =
        name === "cat"
          ? shape.map((size, d) => (d === dim ? 2 * size : size))
          : [...shape.slice(0, dim), 2, ...shape.slice(dim)];
      return { args: [at, choices.pick(same)], attrs: { dim }, spec: { shape: grown, dtype } };
    },
  })),
  // ---- indices
  {
    name: "indexSelect",
    within: "equal",
    call: ([x, index], { dim }) => t.indexSelect(x!, num(dim), index!),
    draw: (draw) => {
      const { choices, at, specs } = draw;
      const { shape, dtype } = specs[at]!;
      if (shape.length === 0 || dtype !== "float32") return null;
      const dim = choices.below(shape.length);
      if (shape[dim] === 0) return null;
      const count = choices.pick([2, 1, 3, 0]);
      const index = indexInput(draw, [count], shape[dim]!);
      return { args: [at, index], attrs: { dim }, spec: float(shape.map((size, d) => (d === dim ? count : size))) };
    },
  },
  {
    name: "gather",
    within: "equal",
    call: ([x, index], { dim }) => t.gather(x!, num(dim), index!),
    draw: (draw) => {
      const { choices, at, specs } = draw;
      const { shape, dtype } = specs[at]!;
      if (shape.length === 0 || dtype !== "float32" || numel(shape) === 0) return null;
      const dim = choices.below(shape.length);
      const taken = shape.map((size, d) => (d === dim ? choices.pick([2, 1, 3]) : size));
      return { args: [at, indexInput(draw, taken, shape[dim]!)], attrs: { dim }, spec: float(taken) };
    },
  },
  // ---- products, norms, losses
  {
    name: "matmul",
    within: "summed",
    call: ([a, b]) => t.matmul(a!, b!),
    draw: ({ choices, at, specs, addInput }) => {
      const { shape, dtype } = specs[at]!;
      if (dtype !== "float32" || shape.length < 2) return null;
      const columns = choices.pick([2, 1, 3, 5]);
      const batch = choices.below(2) === 0 ? [] : narrower(shape.slice(0, -2), choices);
      const other = addInput(float([...batch, shape.at(-1)!, columns]));
      return { args: [at, other], attrs: {}, spec: float([...shape.slice(0, -1), columns]) };
    },
  },
  {
    name: "linear",
    within: "summed",
    call: ([x, weight, bias]) => t.linear(x!, weight!, bias ?? null),
    draw: ({ choices, at, specs, addInput }) => {
      const { shape, dtype } = specs[at]!;
      if (dtype !== "float32" || shape.length < 1) return null;
      const out = choices.pick([2, 1, 4]);
      const weight = addInput(float([out, shape.at(-1)!]));
      const bias = choices.below(2) === 0 ? [] : [addInput(float([out]))];
      return { args: [at, weight, ...bias], attrs: {}, spec: float([...shape.slice(0, -1), out]) };
    },
  },
  ...(["layerNorm", "rmsNorm"] as const).map((name): ProgramOp => ({
    name,
    within: "summed",
    call: ([x, weight]) => t[name](x!, [x!.shape.at(-1)!], { weight: weight!, eps: 1e-5 }),
    draw: ({ at, specs, addInput }) => {
      const { shape, dtype } = specs[at]!;
      if (dtype !== "float32" || shape.length < 1 || shape.at(-1) === 0) return null;
      return { args: [at, addInput(float([shape.at(-1)!]))], attrs: {}, spec: float(shape) };
    },
  })),
  {
    name: "attention",
    within: "summed",
    call: ([q, k, v], { isCausal }) => t.scaledDotProductAttention(q!, k!, v!, { isCausal: isCausal === true }),
    draw: ({ choices, at, specs, addInput }) => {
      const { shape, dtype } = specs[at]!;
      if (dtype !== "float32" || shape.length !== 4 || numel(shape) === 0) return null;
      const [batch, heads, , width] = shape as [number, number, number, number];
      const keys = choices.pick([2, 1, 3]);
      const [k, v] = [addInput(float([batch, heads, keys, width])), addInput(float([batch, heads, keys, width]))];
      return { args: [at, k, v], attrs: { isCausal: choices.below(2) === 1 }, spec: float(shape) };
    },
  },
  {
    name: "crossEntropy",
    within: "summed",
    call: ([x, target], { reduction, labelSmoothing }) =>
      t.crossEntropy(x!, target!, { reduction: reduction as "none", labelSmoothing: num(labelSmoothing) }),
    draw: (draw) => {
      const { choices, at, specs } = draw;
      const { shape, dtype } = specs[at]!;
      if (dtype !== "float32" || shape.length !== 2 || numel(shape) === 0) return null;
      const reduction = choices.pick(["mean", "none", "sum"]);
      const target = indexInput(draw, [shape[0]!], shape[1]!);
      return {
        args: [at, target],
        attrs: { reduction, labelSmoothing: choices.pick([0, 0.1]) },
        spec: float(reduction === "none" ? [shape[0]!] : []),
      };
    },
  },
];

/** By their names. */
export const programOpsByName: ReadonlyMap<string, ProgramOp> = new Map(programOps.map((op) => [op.name, op]));
