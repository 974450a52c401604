import * as t from "@tessera/tensor";
import type { Tensor } from "@tessera/tensor";
import type { ComposedOp } from "./composed-ops.ts";

type Attrs = { readonly [name: string]: unknown };

const number = (value: unknown): number => Number(value);
const list = (value: unknown): number[] => value as number[];
const fallback = (value: unknown, otherwise: number): number => (value === undefined || value === null ? otherwise : Number(value));
const dimOf = ({ dim }: Attrs): { dim?: number } => (typeof dim === "number" ? { dim } : {});

/** Reductions by the names that torch, ONNX and TensorFlow have. */
const reductions: { readonly [name: string]: t.ScatterReduction } = {
  sum: "sum",
  add: "sum",
  prod: "prod",
  mul: "prod",
  multiply: "prod",
  mean: "mean",
  amax: "amax",
  max: "amax",
  amin: "amin",
  min: "amin",
};

const scatter = ([x, index, source]: readonly Tensor[], { dim, value, reduce, reduction, include_self }: Attrs): Tensor => {
  const [at, how] = [fallback(dim, 0), (reduce ?? reduction) as string | undefined];
  const from = source ?? t.full(index!.shape, number(value), { dtype: x!.dtype });
  if (how === undefined || how === null || how === "none") return t.scatter(x!, at, index!, from);
  return t.scatterReduce(x!, at, index!, from, { reduce: reductions[how]!, includeSelf: include_self !== false });
};

/** Updates at places of the first dims: rows that are put in, or joined by what `reduction` says. */
const scatterRows = ([x, indices, updates]: readonly Tensor[], { reduction, reduce }: Attrs): Tensor => {
  const depth = indices!.shape.at(-1)!;
  const rest = x!.shape.slice(depth);
  const count = x!.shape.slice(0, depth).reduce((n, size) => n * size, 1);
  const width = rest.reduce((n, size) => n * size, 1);
  const rows = t.reshape(t.gatherNd(t.reshape(t.arange(count), x!.shape.slice(0, depth)), indices!), [-1, 1]);
  const index = t.expand(rows, [rows.shape[0]!, width]);
  const flat = scatter([t.reshape(x!, [count, width]), index, t.reshape(updates!, [-1, width])], { dim: 0, reduce: reduction ?? reduce });
  return t.reshape(flat, x!.shape);
};

const pad = (mode: t.PadMode): ComposedOp => ({ kind: "spread", call: ([x], attrs) => t.pad(x!, list(attrs["pad"]), { mode }) });

/** Ops of moves and indices by torch's names. */
export const indexOps: { readonly [name: string]: ComposedOp } = {
  diagonal: { kind: "exact", call: ([x], { offset, dim1, dim2 }) => t.diagonal(x!, fallback(offset, 0), fallback(dim1, 0), fallback(dim2, 1)) },
  diag: { kind: "exact", call: ([x], { diagonal }) => t.diag(x!, fallback(diagonal, 0)) },
  unbind: { kind: "exact", call: ([x], { dim }) => t.unbind(x!, fallback(dim, 0)) },
  flatten: { kind: "exact", call: ([x], { start_dim, end_dim }) => t.flatten(x!, fallback(start_dim, 0), fallback(end_dim, -1)) },
  unflatten: { kind: "exact", call: ([x], { dim, sizes }) => t.unflatten(x!, number(dim), list(sizes)) },
  broadcast_to: { kind: "spread", call: ([x], { shape, size }) => t.broadcastTo(x!, list(shape ?? size)) },
  repeat_interleave: {
    kind: "spread",
    call: ([x, given], attrs, stored) =>
      t.repeatInterleave(x!, given ? Array.from(stored[1]!) : (attrs["repeats"] as number | number[]), dimOf(attrs)),
  },
  meshgrid: { kind: "spread", call: (inputs, { indexing }) => t.meshgrid(inputs, { indexing: (indexing ?? "ij") as "ij" }) },
  pad_reflect: pad("reflect"),
  pad_replicate: pad("replicate"),
  pad_circular: pad("circular"),
  // ---- indices
  scatter: { kind: "summed", call: scatter },
  scatter_reduce: { kind: "summed", call: scatter },
  scatter_elements: { kind: "summed", call: (inputs, { axis, ...attrs }) => scatter(inputs, { dim: axis, ...attrs }) },
  gather_nd: { kind: "spread", call: ([x, indices]) => t.gatherNd(x!, indices!) },
  // TensorFlow's makes zeros of a shape, and adds; ONNX's starts from data.
  scatter_nd: {
    kind: "summed",
    call: (inputs, attrs) => (inputs.length === 3 ? scatterRows(inputs, attrs) : t.scatterNd(inputs[0]!, inputs[1]!, list(attrs["shape"]))),
  },
  index_add: { kind: "summed", call: ([x, index, source], { dim }) => t.indexAdd(x!, number(dim), index!, source!) },
  searchsorted: { kind: "exact", call: ([sorted, values], { right, side }) => t.searchsorted(sorted!, values!, { right: right === true || side === "right" }) },
  bucketize: { kind: "exact", call: ([values, sorted], { right }) => t.searchsorted(sorted!, values!, { right: right === true }) },
  // Their rows are in `laterOps`; here they say what is compared.
  bincount: { kind: "summed", call: refuse },
  nonzero: { kind: "exact", call: refuse },
  masked_select: { kind: "exact", call: refuse },
};

function refuse(): never {
  throw new Error("it answers later");
}

/** An op whose shape depends on data. */
export type LaterOp = (inputs: readonly Tensor[], attrs: Attrs) => Promise<Tensor>;

export const laterOps: { readonly [name: string]: LaterOp } = {
  bincount: ([x, weights], { minlength, size }) => t.bincount(x!, { weights, minlength: fallback(minlength ?? size, 0) }),
  nonzero: ([x]) => t.nonzero(x!),
  masked_select: ([x, mask]) => t.maskedSelect(x!, mask!),
};
