import { bceWithLogits, mseLoss } from "@tessera/nn";
import { BlockLayout, BlockSparseMatrix, blockSparseLinear } from "@tessera/sparse";
import * as t from "@tessera/tensor";
import type { Tensor } from "@tessera/tensor";
import type { Tolerance } from "../support/sample.ts";
import { arithmeticOps } from "./arithmetic-ops.ts";
import { channelOps } from "./channel-ops.ts";
import { indexOps } from "./index-ops.ts";
import { composedOps } from "./composed-ops.ts";

/** How one of torch's ops is called here, and how close it must come. */
export interface GoldenOp {
  /** `stored`: the inputs as they lie in the file, for what must be known on the host. */
  readonly call: (inputs: readonly Tensor[], attrs: Attrs, stored: readonly ArrayLike<number>[]) => Tensor | Tensor[];
  readonly forward: Tolerance;
  readonly gradient: Tolerance;
}
/** Attributes as the goldens spell them. */
type Attrs = { readonly [name: string]: unknown };
type Call = GoldenOp["call"];

/** Moves, indices, integers and booleans: equal. */
const exact = (call: Call): GoldenOp => ({ call, forward: "equal", gradient: "equal" });
/** Per element: |a − b| ≤ 1e-5|b| + 1e-6. */
const each = (call: Call): GoldenOp => ({ call, forward: { each: 1e-5 }, gradient: { each: 1e-5 } });
/** Moves whose gradient adds up the uses of an element. */
const spread = (call: Call): GoldenOp => ({ call, forward: "equal", gradient: { relative: 1e-4 } });
/** Reductions, products, norms, losses: |a − b| ≤ tol · max(max|b|, 1e-3). */
const summed = (call: Call): GoldenOp => ({ call, forward: { relative: 1e-5 }, gradient: { relative: 1e-4 } });

const unary = (f: (x: Tensor) => Tensor): GoldenOp => each(([x]) => f(x!));
const binary = (f: (x: Tensor, y: Tensor) => Tensor): GoldenOp => each(([x, y]) => f(x!, y!));
const compare = (f: (x: Tensor, y: Tensor) => Tensor): GoldenOp => exact(([x, y]) => f(x!, y!));

/** The attributes that are there, under our names; torch's null is our absence. */
const options = (attrs: Attrs, names: { readonly [theirs: string]: string }): { [name: string]: unknown } =>
  Object.fromEntries(Object.entries(names).flatMap(([theirs, ours]) => (attrs[theirs] === undefined || attrs[theirs] === null ? [] : [[ours, attrs[theirs]]])));
const number = (value: unknown): number => value as number;
const list = (value: unknown): number[] => value as number[];
const reduction = { dim: "dim", keepdim: "keepdim" };
const reduce = (f: (x: Tensor, o: t.ReduceOptions) => Tensor): GoldenOp => summed(([x], attrs) => f(x!, options(attrs, reduction)));
const lossOptions = { reduction: "reduction", ignore_index: "ignoreIndex", label_smoothing: "labelSmoothing" };

/** Python's x[start:stop:step] for each dim. */
const sliceAll = (x: Tensor, slices: readonly (readonly (number | null)[])[]): Tensor =>
  slices.reduce((y, [start, end, step], dim) => t.slice(y, dim, options({ start, end, step }, { start: "start", end: "end", step: "step" })), x);

export const goldenOps: { readonly [torchName: string]: GoldenOp } = {
  // ---- elementwise
  add: binary(t.add),
  sub: binary(t.sub),
  mul: binary(t.mul),
  div: binary(t.div),
  maximum: binary(t.maximum),
  minimum: binary(t.minimum),
  pow: binary(t.pow),
  eq: compare(t.eq),
  lt: compare(t.lt),
  ge: compare(t.ge),
  ne: compare(t.ne),
  gt: compare(t.gt),
  le: compare(t.le),
  neg: unary(t.neg),
  exp: unary(t.exp),
  log: unary(t.log),
  log1p: unary(t.log1p),
  sqrt: unary(t.sqrt),
  rsqrt: unary(t.rsqrt),
  abs: unary(t.abs),
  tanh: unary(t.tanh),
  sigmoid: unary(t.sigmoid),
  relu: unary(t.relu),
  erf: unary(t.erf),
  sin: unary(t.sin),
  cos: unary(t.cos),
  square: unary(t.square),
  reciprocal: unary(t.reciprocal),
  silu: unary(t.silu),
  softplus: unary(t.softplus),
  sign: unary(t.sign),
  floor: unary(t.floor),
  gelu: each(([x], attrs) => t.gelu(x!, options(attrs, { approximate: "approximate" }))),
  clamp: each(([x], { min, max }) => t.clamp(x!, number(min ?? -Infinity), number(max ?? Infinity))),
  where: spread(([c, a, b]) => t.where(c!, a!, b!)),
  masked_fill: spread(([x, mask], { value }) => t.maskedFill(x!, mask!, number(value))),
  // ---- reductions
  sum: reduce(t.sum),
  mean: reduce(t.mean),
  var: summed(([x], attrs) => t.variance(x!, options(attrs, { ...reduction, correction: "correction" }))),
  std: summed(([x], attrs) => t.std(x!, options(attrs, { ...reduction, correction: "correction" }))),
  amax: reduce(t.amax),
  amin: reduce(t.amin),
  logsumexp: reduce(t.logsumexp),
  argmax: exact(([x], { dim, keepdim }) => t.argmax(x!, number(dim), { keepdim: keepdim === true })),
  norm: summed(([x], attrs) => t.vectorNorm(x!, options(attrs, { ...reduction, p: "p" }))),
  softmax: summed(([x], { dim }) => t.softmax(x!, number(dim))),
  log_softmax: summed(([x], { dim }) => t.logSoftmax(x!, number(dim))),
  // ---- products
  matmul: summed(([a, b]) => t.matmul(a!, b!)),
  // aᵀb in 2-D, aᵀbᵀ in 3-D, on views
  matmul_t: summed(([a, b]) => t.matmul(t.transpose(a!, -1, -2), a!.ndim === 2 ? b! : t.transpose(b!, -1, -2))),
  linear: summed(([x, weight, bias]) => t.linear(x!, weight!, bias ?? null)),
  einsum: summed((inputs, { equation }) => t.einsum(equation as string, ...inputs)),
  scaled_dot_product_attention: summed(([q, k, v, mask], { is_causal }) =>
    t.scaledDotProductAttention(q!, k!, v!, { attnMask: mask ?? null, isCausal: is_causal === true }),
  ),
  block_sparse_linear: summed(([x, weight, bias, mask], { block }, stored) => {
    const [rows, columns] = mask!.shape;
    const layout = BlockLayout.fromMask(Uint8Array.from(stored[3]!), rows!, columns!, number(block));
    const matrix = BlockSparseMatrix.fromDense(weight!, layout);
    return blockSparseLinear(x!, matrix, bias);
  }),
  // ---- norms and losses
  layer_norm: summed(([x, weight, bias], { normalized_shape, eps }) => t.layerNorm(x!, list(normalized_shape), { weight: weight!, bias: bias!, eps: number(eps) })),
  rms_norm: summed(([x, weight], { normalized_shape, eps }) => t.rmsNorm(x!, list(normalized_shape), { weight: weight!, eps: number(eps) })),
  cross_entropy: summed(([logits, target, weight], attrs) => t.crossEntropy(logits!, target!, { ...options(attrs, lossOptions), weight: weight ?? null })),
  mse_loss: summed(([x, y], attrs) => mseLoss(x!, y!, options(attrs, lossOptions))),
  bce_with_logits: summed(([x, y], attrs) => bceWithLogits(x!, y!, options(attrs, lossOptions))),
  // ---- moves
  reshape: exact(([x], { shape }) => t.reshape(x!, list(shape))),
  transpose: exact(([x], { dim0, dim1 }) => t.transpose(x!, number(dim0), number(dim1))),
  permute: exact(([x], { dims }) => t.permute(x!, list(dims))),
  expand: spread(([x], { unsqueeze, shape }) => t.expand(unsqueeze === undefined ? x! : t.unsqueeze(x!, number(unsqueeze)), list(shape))),
  flip: exact(([x], { dims }) => t.flip(x!, list(dims))),
  slice: exact(([x], { slices }) => sliceAll(x!, slices as readonly (readonly (number | null)[])[])),
  narrow: exact(([x], { dim, start, length }) => t.narrow(x!, number(dim), number(start), number(length))),
  chunk: exact(([x], { chunks, dim }) => t.chunk(x!, number(chunks), number(dim))),
  tile: spread(([x], { repeats }) => t.tile(x!, list(repeats))),
  pad: spread(([x], { pad, mode, value }) => t.pad(x!, list(pad), { mode: (mode ?? "constant") as t.PadMode, value: number(value ?? 0) })),
  roll: exact(([x], { shifts, dim }) => t.roll(x!, number(shifts), number(dim ?? 1))),
  tril: exact(([x], { diagonal }) => t.tril(x!, number(diagonal))),
  triu: exact(([x], { diagonal }) => t.triu(x!, number(diagonal))),
  cat: exact((inputs, { dim }) => t.cat(inputs, number(dim))),
  stack: exact((inputs, { dim }) => t.stack(inputs, number(dim))),
  // ---- indices
  index_select: spread(([x, index], { dim }) => t.indexSelect(x!, number(dim), index!)),
  gather: spread(([x, index], { dim }) => t.gather(x!, number(dim), index!)),
  scatter_add: summed(([x, index, source], { dim }) => t.scatterAdd(x!, number(dim), index!, source!)),
  embedding: spread(([index, weight], attrs) => t.embedding(index!, weight!, options(attrs, { padding_idx: "paddingIdx" }))),
  one_hot: exact(([index], { num_classes }) => t.oneHot(index!, number(num_classes))),
  // ---- convolutions, pools, windows, norms over channels
  ...Object.fromEntries(Object.entries(channelOps).map(([name, call]) => [name, summed(call)])),
  // ---- what other libraries' suites name
  ...Object.fromEntries(Object.entries({ ...composedOps, ...arithmeticOps, ...indexOps }).map(([name, { call, kind }]) => [name, { exact, spread, summed, each }[kind](call)])),
};
