import type { Tensor } from "@tessera/tensor";
import type { AttentionAttrs } from "@tessera/tensor/ops/attention";
import type { Activation } from "@tessera/tensor/ops/matmul";
import type { NormAttrs } from "@tessera/tensor/ops/norm";
import { scatterBlocks } from "@tessera/sparse";
import type { GraphBuilder } from "../graph-builder.ts";
import { given, rankOf, type GraphCall, type Lowering } from "../lowering.ts";
import { OnnxError } from "../onnx-error.ts";
import { gelu } from "./elementwise.ts";
import { filled, permute } from "./moves.ts";

interface LayerAttrs {
  readonly activation: Activation | "none";
}
interface BlockAttrs {
  readonly shape: readonly [number, number];
  readonly blockSize: number;
  readonly blocks: number;
}

const activated = (x: string, activation: Activation | "none", graph: GraphBuilder): string => {
  if (activation === "none") return x;
  return activation === "relu" ? graph.node("Relu", [x]) : gelu(x, activation === "geluTanh" ? "tanh" : "none", graph);
};

/** f(x Wᵀ + b): a product with a transposed weight, so that a tied one is written once. */
const layer = (
  x: string,
  weight: string,
  bias: string | null | undefined,
  { rank, activation, graph }: { rank: number; activation: Activation | "none"; graph: GraphBuilder },
): string => {
  if (rank === 2)
    return activated(graph.node("Gemm", [x, weight, bias ?? null], { transB: { int: 1 } }), activation, graph);
  const product = graph.node("MatMul", [x, permute(weight, [1, 0], graph)]);
  return activated(bias ? graph.node("Add", [product, bias]) : product, activation, graph);
};

const linear: Lowering<LayerAttrs> = (call, graph) =>
  layer(given(call), given(call, 1), call.inputs[2], { rank: rankOf(call), ...call.attrs, graph });

/** The dense matrix of stored blocks, as an initializer. */
const dense = (call: GraphCall<BlockAttrs>, valuesAt: number, indexAt: number): string => {
  const [values, index]: [Tensor, Tensor] = [call.constant(valuesAt), call.constant(indexAt)];
  const { shape, blockSize, blocks } = call.attrs;
  const make = (): Tensor => scatterBlocks({ values, index, shape, blockSize, blocks });
  return call.deferred(call.inputs[valuesAt]!, make, { mayBeSparse: true });
};

const blockSparseLinear: Lowering<BlockAttrs & LayerAttrs> = (call, graph) =>
  layer(given(call), dense(call, 1, 3), call.inputs[2], {
    rank: rankOf(call),
    activation: call.attrs.activation,
    graph,
  });

/** The weight that scales nothing, where a norm has none: ONNX requires one. */
const scaleOf = (call: GraphCall<NormAttrs>, at: number, graph: GraphBuilder): string => {
  const { shape } = call.inputSpecs[0]!;
  return call.inputs[at] ?? filled(shape.slice(shape.length - call.attrs.dims), 1, "float32", graph);
};

const layerNormOf = (call: GraphCall<NormAttrs>, x: string, at: number, graph: GraphBuilder): string => {
  const { dims, eps } = call.attrs;
  const attributes = { axis: { int: -dims }, epsilon: { float: eps } };
  return graph.node("LayerNormalization", [x, scaleOf(call, at, graph), call.inputs[at + 1] ?? null], attributes);
};

const rmsNorm: Lowering<NormAttrs> = (call, graph) => {
  const { dims, eps } = call.attrs;
  const x = given(call);
  const axes = graph.constant(
    Array.from({ length: dims }, (_, d) => d - dims),
    "int64",
  );
  const mean = graph.node("ReduceMean", [graph.node("Mul", [x, x]), axes], { keepdims: { int: 1 } });
  const root = graph.node("Sqrt", [graph.node("Add", [mean, graph.scalar(eps)])]);
  const y = graph.node("Div", [x, root]);
  return call.inputs[1] ? graph.node("Mul", [y, call.inputs[1]]) : y;
};

/** softmax(scale · q kᵀ + mask) v with heads inside: [B, T, H, D]. A query that sees no key gets zeros. */
const attention: Lowering<AttentionAttrs> = (call, graph) => {
  const { scale, causal, skipPaddedQueries, dropoutP } = call.attrs;
  if (dropoutP > 0)
    throw new OnnxError(`exportOnnx: expected attention that drops nothing, got dropoutP ${dropoutP}; set it to 0`);
  const [q, k, v] = [
    permute(given(call), [0, 2, 1, 3], graph),
    permute(given(call, 1), [0, 2, 3, 1], graph),
    permute(given(call, 2), [0, 2, 1, 3], graph),
  ];
  const never = graph.scalar(-Infinity);
  let scores = graph.node("Mul", [graph.node("MatMul", [q, k]), graph.scalar(scale)]);
  const mask = call.inputs[3];
  if (mask && call.inputSpecs[3]!.dtype === "bool") scores = graph.node("Where", [mask, scores, never]);
  else if (mask) scores = graph.node("Add", [scores, mask]);
  if (causal) {
    const all = filled(
      call.sizes((_, [queries, keys]) => [queries![1]!, keys![1]!]),
      1,
      "float32",
      graph,
    );
    const before = graph.node("Cast", [graph.node("Trilu", [all], { upper: { int: 0 } })], { to: { int: 9 } });
    scores = graph.node("Where", [before, scores, never]);
  }
  let weights = graph.node("Softmax", [scores], { axis: { int: -1 } });
  if (mask) {
    // A row of −∞ alone is 0/0 there.
    const seen = graph.node("ReduceMax", [scores, graph.constant([-1], "int64")], { keepdims: { int: 1 } });
    weights = graph.node("Where", [graph.node("Equal", [seen, never]), graph.scalar(0), weights]);
  }
  let y = graph.node("MatMul", [weights, v]);
  if (mask && skipPaddedQueries) {
    const rank = rankOf(call, 3);
    const order = Array.from({ length: rank }, (_, d) => (d < rank - 2 ? d : 2 * rank - 3 - d));
    // A mask of one dim has keys alone: [Tk] → [Tk, 1].
    const rows =
      rank === 1 ? graph.node("Unsqueeze", [mask, graph.constant([1], "int64")]) : permute(mask, order, graph);
    y = graph.node("Where", [rows, y, graph.scalar(0)]);
  }
  return permute(y, [0, 2, 1, 3], graph);
};

const normalized =
  (op: string): Lowering<{ readonly dim: number }> =>
  (call, graph) => {
    if (rankOf(call) > 0) return graph.node(op, call.inputs, { axis: { int: call.attrs.dim } });
    const line = graph.node("Reshape", [given(call), graph.shape([1])]);
    return graph.node("Reshape", [graph.node(op, [line], { axis: { int: 0 } }), graph.shape([])]);
  };

export const layers = {
  matmul: (call, graph) => graph.node("MatMul", call.inputs),
  addmm: (call, graph) => graph.node("Add", [graph.node("MatMul", call.inputs.slice(0, 2)), given(call, 2)]),
  linear,
  blockSparseLinear,
  dds: ((call, graph) => graph.node("MatMul", [given(call), dense(call, 1, 2)])) as Lowering<BlockAttrs>,
  scatterBlocks: ((call) => dense(call, 0, 1)) as Lowering<BlockAttrs>,
  softmax: normalized("Softmax"),
  logSoftmax: normalized("LogSoftmax"),
  layerNorm: ((call, graph) => layerNormOf(call, given(call), 1, graph)) as Lowering<NormAttrs>,
  addLayerNorm: ((call, graph) =>
    layerNormOf(call, graph.node("Add", [given(call), given(call, 1)]), 2, graph)) as Lowering<NormAttrs>,
  rmsNorm,
  attention,
} satisfies { readonly [op: string]: Lowering<never> };
