import type * as index from "@tessera/tensor/ops/index";
import type * as reduce from "@tessera/tensor/ops/reduce";
import type { GraphBuilder } from "../graph-builder.ts";
import { given, rankOf, type AttrsOf, type GraphCall, type Lowering } from "../lowering.ts";
import { cast } from "./elementwise.ts";
import { filled } from "./moves.ts";

type ReduceAttrs = AttrsOf<typeof reduce.sumOp>;
interface Along {
  readonly dim: number;
}

const reduction =
  (op: string): Lowering<ReduceAttrs> =>
  (call, graph) => {
    const { dims, keepdim } = call.attrs;
    const x = call.inputSpecs[0]!.dtype === "bool" ? cast(given(call), "int32", graph) : given(call);
    // Of no dims it is the input: without the attribute an empty list means all.
    const attributes = { keepdims: { int: Number(keepdim) }, noop_with_empty_axes: { int: 1 } };
    return graph.node(op, [x, graph.constant(dims, "int64")], attributes);
  };

const argmax: Lowering<AttrsOf<typeof reduce.argmaxOp>> = (call, graph) => {
  const { dim, keepdim } = call.attrs;
  if (rankOf(call) === 0) return graph.scalar(0, "int32");
  const attributes = { axis: { int: dim }, keepdims: { int: Number(keepdim) } };
  return cast(graph.node("ArgMax", call.inputs, attributes), "int32", graph);
};

const cumsum: Lowering<AttrsOf<typeof reduce.cumsumOp>> = (call, graph) => {
  const { dim, reverse } = call.attrs;
  if (rankOf(call) === 0) return given(call);
  return graph.node("CumSum", [given(call), graph.scalar(dim, "int64")], { reverse: { int: Number(reverse) } });
};

/** What a sum of chosen elements starts from. */
const startOf = (call: GraphCall<AttrsOf<typeof index.indexAddOp>>, graph: GraphBuilder): string =>
  call.inputs[0] ??
  filled(
    call.sizes(({ shape }) => shape),
    0,
    call.inputSpecs[2]!.dtype,
    graph,
  );

const scatterAdd: Lowering<AttrsOf<typeof index.scatterAddOp>> = (call, graph) => {
  const attributes = { axis: { int: call.attrs.dim }, reduction: { text: "add" } };
  return graph.node("ScatterElements", [startOf(call, graph), given(call, 1), given(call, 2)], attributes);
};

const indexAdd: Lowering<AttrsOf<typeof index.indexAddOp>> = (call, graph) => {
  const { dim } = call.attrs;
  const sizes = call.sizes((_, shapes) => shapes[2]!);
  const line = sizes.map((size, d) => (d === dim ? size : 1));
  const column = graph.node("Reshape", [given(call, 1), graph.shape(line)]);
  const indices = graph.node("Expand", [column, graph.shape(sizes)]);
  const attributes = { axis: { int: dim }, reduction: { text: "add" } };
  return graph.node("ScatterElements", [startOf(call, graph), indices, given(call, 2)], attributes);
};

const argsort: Lowering<{ readonly descending: boolean }> = (call, graph) => {
  const size = call.size((_, [x]) => x!.at(-1) ?? 1);
  const attributes = { axis: { int: -1 }, largest: { int: Number(call.attrs.descending) }, sorted: { int: 1 } };
  return cast(graph.nodeOf("TopK", [given(call), graph.shape([size])], 2, attributes)[1]!, "int32", graph);
};

/** By int64, for which ONNX Runtime has a kernel, and at least one dim of indices. */
const oneHot: Lowering<AttrsOf<typeof index.oneHotOp>> = (call, graph) => {
  const { numClasses } = call.attrs;
  const indices = graph.node("Cast", [given(call)], { to: { int: 7 } });
  const isScalar = rankOf(call) === 0;
  const lines = isScalar ? graph.node("Reshape", [indices, graph.shape([1])]) : indices;
  const [depth, values] = [graph.scalar(numClasses, "int64"), graph.constant([0, 1], "int64")];
  const y = cast(graph.node("OneHot", [lines, depth, values], { axis: { int: -1 } }), "int32", graph);
  return isScalar ? graph.node("Reshape", [y, graph.shape([numClasses])]) : y;
};

export const choices = {
  sum: reduction("ReduceSum"),
  amax: reduction("ReduceMax"),
  amin: reduction("ReduceMin"),
  argmax,
  cumsum,
  embedding: (call, graph) => graph.node("Gather", [given(call, 1), given(call)], { axis: { int: 0 } }),
  indexSelect: ((call, graph) =>
    graph.node("Gather", call.inputs, { axis: { int: call.attrs.dim } })) as Lowering<Along>,
  gather: ((call, graph) =>
    graph.node("GatherElements", call.inputs, { axis: { int: call.attrs.dim } })) as Lowering<Along>,
  indexAdd,
  scatterAdd,
  oneHot,
  argsort,
} satisfies { readonly [op: string]: Lowering<never> };
