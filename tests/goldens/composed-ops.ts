import * as t from "@tessera/tensor";
import type { DType, Tensor } from "@tessera/tensor";

/** Attributes as a suite spells them. */
type Attrs = { readonly [name: string]: unknown };
/** What other libraries' suites call an op, by what composes it here. */
type Composed = (
  inputs: readonly Tensor[],
  attrs: Attrs,
  /** The inputs as they lie in the file. */
  stored: readonly ArrayLike<number>[],
) => Tensor | Tensor[];

const list = (value: unknown): number[] => value as number[];
/** JSON has no infinities: they are spelled. */
const number = (value: unknown): number => Number(value);
const dtypeOf = (value: unknown): DType => value as DType;
const sorted = (dims: readonly number[], rank: number): number[] =>
  dims.map((dim) => (dim < 0 ? dim + rank : dim)).sort((a, b) => a - b);
/** An empty list of dims stands for all of them, of which a 0-d tensor has none. */
const over = ({ dim, keepdim }: Attrs): t.ReduceOptions => {
  const dims = dim === undefined || dim === null || list(dim).length === 0 ? {} : { dim: list(dim) };
  return { ...dims, keepdim: keepdim === true };
};
const fold =
  (f: (a: Tensor, b: Tensor) => Tensor): Composed =>
  (inputs) =>
    inputs.reduce(f);
const fallback = <T>(value: unknown, otherwise: T): T => (value === undefined || value === null ? otherwise : (value as T));

/** `[B, T, H · D]` → `[B, H, T, D]`; what has heads already stays. */
const splitHeads = (x: Tensor, heads: number): Tensor => {
  if (x.ndim === 4) return x;
  const [batch, tokens, width] = x.shape as [number, number, number];
  return t.transpose(t.reshape(x, [batch, tokens, heads, width / heads]), 1, 2);
};
const joinHeads = (y: Tensor): Tensor => t.flatten(t.transpose(y, 1, 2), 2);
/** Every head `times` over, beside itself. */
const repeatHeads = (x: Tensor, times: number): Tensor => {
  const [batch, heads, tokens, width] = x.shape as [number, number, number, number];
  const each = t.expand(t.unsqueeze(x, 2), [batch, heads, times, tokens, width]);
  return t.reshape(each, [batch, heads * times, tokens, width]);
};
const attend = ([q, k, v, mask]: readonly Tensor[], { is_causal, scale }: Attrs): Tensor =>
  t.scaledDotProductAttention(q!, k!, v!, {
    attnMask: mask ?? null,
    isCausal: is_causal === true,
    ...(typeof scale === "number" ? { scale } : {}),
  });

/** Weight and bias that are there, in this order, by two flags. */
const affineOf = ([, first, second]: readonly Tensor[], { scale, bias }: Attrs) => ({
  weight: scale === true ? first! : null,
  bias: bias === true ? (scale === true ? second! : first!) : null,
});

/** Indices from the end as those from the start. */
const counted = (index: Tensor, size: number): Tensor => t.where(t.lt(index, 0), t.add(index, size), index);

/** A row: how it is called, and how close it must come. */
export interface ComposedOp {
  readonly call: Composed;
  readonly kind: "exact" | "spread" | "summed" | "each";
}

export const composedOps: { readonly [name: string]: ComposedOp } = {
  // ---- logic, and tensors of nothing
  logical_and: { kind: "exact", call: ([a, b]) => t.logicalAnd(a!, b!) },
  logical_or: { kind: "exact", call: ([a, b]) => t.logicalOr(a!, b!) },
  logical_not: { kind: "exact", call: ([x]) => t.logicalNot(x!) },
  xor: { kind: "exact", call: ([a, b]) => t.ne(a!, b!) },
  cast: { kind: "exact", call: ([x], { dtype }) => t.cast(x!, dtypeOf(dtype)) },
  full: { kind: "exact", call: (_, { shape, value, dtype }) => t.full(list(shape), number(value), { dtype: dtypeOf(dtype) }) },
  arange: { kind: "exact", call: (_, { start, end, step, dtype }) => t.arange(number(start), number(end), { step: number(step), dtype: dtypeOf(dtype) }) },
  zeros_like: { kind: "exact", call: ([x]) => t.zerosLike(x!) },
  ones_like: { kind: "exact", call: ([x]) => t.onesLike(x!) },
  identity: { kind: "exact", call: ([x]) => t.clone(x!) },
  // ---- activations, by the attributes that suites give them
  elu: { kind: "each", call: ([x], { alpha }) => t.elu(x!, number(fallback(alpha, 1))) },
  celu: { kind: "each", call: ([x], { alpha }) => t.celu(x!, number(fallback(alpha, 1))) },
  // Torch's has no attributes: gamma · elu.
  selu: {
    kind: "each",
    call: ([x], { alpha, gamma }) =>
      alpha === undefined ? t.selu(x!) : t.mul(t.elu(x!, number(alpha)), number(gamma)),
  },
  leaky_relu: {
    kind: "each",
    call: ([x], { alpha, negative_slope }) => t.leakyRelu(x!, number(fallback(alpha, fallback(negative_slope, 0.01)))),
  },
  // A weight of any shape that broadcasts.
  prelu: { kind: "each", call: ([x, w]) => t.where(t.gt(x!, 0), x!, t.mul(t.clamp(x!, -Infinity, 0), w!)) },
  hard_sigmoid: {
    kind: "each",
    call: ([x], { alpha, beta }) =>
      alpha === undefined ? t.hardSigmoid(x!) : t.clamp(t.add(t.mul(x!, number(alpha)), number(beta)), 0, 1),
  },
  hard_swish: { kind: "each", call: ([x]) => t.hardSwish(x!) },
  softsign: { kind: "each", call: ([x]) => t.softsign(x!) },
  // x − bias above lambd, x + bias below −lambd, else 0.
  shrink: {
    kind: "each",
    call: ([x], { lambd, bias }) =>
      t.sub(t.hardshrink(x!, number(lambd)), t.mul(t.sign(t.hardshrink(x!, number(lambd))), number(bias))),
  },
  thresholded_relu: { kind: "each", call: ([x], { alpha }) => t.threshold(x!, number(alpha), 0) },
  exp2: { kind: "each", call: ([x]) => t.exp2(x!) },
  log2: { kind: "each", call: ([x]) => t.log2(x!) },
  log10: { kind: "each", call: ([x]) => t.log10(x!) },
  hypot: { kind: "each", call: ([a, b]) => t.hypot(a!, b!) },
  logaddexp: { kind: "each", call: ([a, b]) => t.logaddexp(a!, b!) },
  lerp: { kind: "each", call: ([a, b, w], { weight }) => t.lerp(a!, b!, w ?? number(weight)) },
  ceil: { kind: "exact", call: ([x]) => t.ceil(x!) },
  round: { kind: "exact", call: ([x]) => t.round(x!) },
  trunc: { kind: "exact", call: ([x]) => t.trunc(x!) },
  isnan: { kind: "exact", call: ([x]) => t.isnan(x!) },
  isinf: { kind: "exact", call: ([x]) => t.isinf(x!) },
  isfinite: { kind: "exact", call: ([x]) => t.isfinite(x!) },
  // ---- choices and truth
  argmin: { kind: "exact", call: ([x], { dim, keepdim }) => t.argmin(x!, number(fallback(dim, -1)), { keepdim: keepdim === true }) },
  prod: { kind: "summed", call: ([x], attrs) => t.prod(x!, over(attrs)) },
  max: { kind: "exact", call: ([x], { dim, keepdim }) => t.max(x!, { dim: number(dim), keepdim: keepdim === true }) },
  min: { kind: "exact", call: ([x], { dim, keepdim }) => t.min(x!, { dim: number(dim), keepdim: keepdim === true }) },
  any: { kind: "exact", call: ([x], attrs) => t.any(x!, over(attrs)) },
  all: { kind: "exact", call: ([x], attrs) => t.all(x!, over(attrs)) },
  sort: { kind: "exact", call: ([x], { dim, descending }) => t.sort(x!, { dim: number(fallback(dim, -1)), descending: descending === true }) },
  argsort: { kind: "exact", call: ([x], { dim, descending }) => t.argsort(x!, { dim: number(fallback(dim, -1)), descending: descending === true }) },
  topk: {
    kind: "exact",
    call: ([x], { k, dim, largest }) => t.topk(x!, number(k), { dim: number(fallback(dim, -1)), largest: largest !== false }),
  },
  // ---- moves
  split_sizes: { kind: "exact", call: ([x], { sizes, dim }) => t.split(x!, list(sizes), number(fallback(dim, 0))) },
  squeeze: {
    kind: "exact",
    call: ([x], { dims }) => (dims === null || dims === undefined ? t.squeeze(x!) : sorted(list(dims), x!.ndim).reduceRight((y, dim) => t.squeeze(y, dim), x!)),
  },
  unsqueeze: { kind: "exact", call: ([x], { dims, rank }) => sorted(list(dims), number(rank)).reduce((y, dim) => t.unsqueeze(y, dim), x!) },
  select: { kind: "exact", call: ([x], { dim, index }) => t.select(x!, number(dim), number(index)) },
  flatten_2d: {
    kind: "exact",
    call: ([x], { axis }) => {
      const rows = x!.shape.slice(0, number(axis)).reduce((n, size) => n * size, 1);
      return t.reshape(x!, [rows, x!.shape.slice(number(axis)).reduce((n, size) => n * size, 1)]);
    },
  },
  pad_value: { kind: "exact", call: ([x], { pad, value }) => t.pad(x!, list(pad), number(value)) },
  // ---- several operands, and arithmetic that suites name
  max_n: { kind: "each", call: fold(t.maximum) },
  min_n: { kind: "each", call: fold(t.minimum) },
  sum_n: { kind: "each", call: fold(t.add) },
  mean_n: { kind: "each", call: (inputs) => t.div(inputs.reduce((a, b) => t.add(a, b)), inputs.length) },
  squared_difference: { kind: "each", call: ([a, b]) => (a!.dtype === "int32" ? t.mul(t.sub(a!, b!), t.sub(a!, b!)) : t.square(t.sub(a!, b!))) },
  affine: { kind: "each", call: ([x], { alpha, beta }) => t.add(t.mul(x!, number(alpha)), number(beta)) },
  sum_square: { kind: "summed", call: ([x], attrs) => t.sum(t.mul(x!, x!), over(attrs)) },
  log_sum: { kind: "each", call: ([x], attrs) => t.log(t.sum(x!, over(attrs))) },
  norm_any: { kind: "summed", call: ([x], attrs) => t.vectorNorm(x!, { ...over(attrs), p: number(attrs["p"]) }) },
  // ---- products
  outer: { kind: "each", call: ([a, b]) => t.outer(a!, b!) },
  dot: { kind: "summed", call: ([a, b]) => t.dot(a!, b!) },
  mv: { kind: "summed", call: ([a, b]) => t.mv(a!, b!) },
  bmm: { kind: "summed", call: ([a, b]) => t.bmm(a!, b!) },
  matmul_tr: { kind: "summed", call: ([x, y], { a, b }) => t.matmul(a === true ? t.transpose(x!, -1, -2) : x!, b === true ? t.transpose(y!, -1, -2) : y!) },
  gemm: {
    kind: "summed",
    call: ([x, y, bias], { alpha, beta, trans_a, trans_b }) => {
      const product = t.matmul(trans_a === true ? t.transpose(x!, 0, 1) : x!, trans_b === true ? t.transpose(y!, 0, 1) : y!);
      const scaled = t.mul(product, number(fallback(alpha, 1)));
      return bias ? t.add(scaled, t.mul(bias, number(fallback(beta, 1)))) : scaled;
    },
  },
  attention_scale: { kind: "summed", call: attend },
  attention_3d: {
    kind: "summed",
    call: ([q, k, v, mask], attrs) => {
      const heads = number(attrs["heads"]);
      const split = [q!, k!, v!].map((x) => splitHeads(x, heads));
      return joinHeads(attend(mask ? [...split, mask] : split, attrs));
    },
  },
  attention_gqa: {
    kind: "summed",
    call: ([q, k, v, mask], attrs) => {
      const [heads, pairs] = [number(attrs["q_heads"]), number(attrs["kv_heads"])];
      const [keys, values] = [k!, v!].map((x) => repeatHeads(splitHeads(x, pairs), heads / pairs)) as [Tensor, Tensor];
      const y = attend([splitHeads(q!, heads), keys, values, ...(mask ? [mask] : [])], attrs);
      return q!.ndim === 3 ? joinHeads(y) : y;
    },
  },
  // ---- norms
  layer_norm_optional: {
    kind: "summed",
    call: (inputs, attrs) => t.layerNorm(inputs[0]!, list(attrs["normalized_shape"]), { ...affineOf(inputs, attrs), eps: number(attrs["eps"]) }),
  },
  // The axes come last, in the order that the weight has them, and go back afterwards.
  layer_norm_axes: {
    kind: "summed",
    call: (inputs, attrs) => {
      const x = inputs[0]!;
      const axes = list(attrs["axes"]);
      const order = [...x.shape.keys()].filter((dim) => !axes.includes(dim)).concat(axes);
      const eps = number(attrs["eps"]);
      const y = t.layerNorm(t.permute(x, order), axes.map((dim) => x.shape[dim]!), { ...affineOf(inputs, attrs), eps });
      return t.permute(y, order.map((_, dim) => order.indexOf(dim)));
    },
  },
  // ---- indices
  segment_sum: {
    kind: "summed",
    call: ([ids, x], { n }) => t.indexAdd(t.zeros([number(n), ...x!.shape.slice(1)], { dtype: x!.dtype }), 0, ids!, x!),
  },
  gather_nd_index: {
    kind: "spread",
    call: ([x, index], { dim, negative }) => {
      const at = number(dim);
      const flat = t.reshape(negative === true ? counted(index!, x!.shape[at]!) : index!, [-1]);
      return t.reshape(t.indexSelect(x!, at, flat), [...x!.shape.slice(0, at), ...index!.shape, ...x!.shape.slice(at + 1)]);
    },
  },
  one_hot_values: {
    kind: "exact",
    call: ([index], { num_classes, axis, off, on, dtype }) => {
      const classes = number(num_classes);
      const hot = t.oneHot(counted(index!, classes), classes);
      const values = t.add(t.mul(t.cast(hot, dtypeOf(dtype)), number(on) - number(off)), number(off));
      const order = [...index!.shape.keys()];
      order.splice(number(axis), 0, index!.ndim);
      return t.permute(values, order);
    },
  },
};
