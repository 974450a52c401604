import type { DType } from "@tessera/tensor";
import type * as move from "@tessera/tensor/ops/move";
import type { GraphBuilder, Size } from "../graph-builder.ts";
import { given, type AttrsOf, type Lowering } from "../lowering.ts";
import { OnnxError } from "../onnx-error.ts";

/** A tensor that is `value` everywhere. */
export const filled = (sizes: readonly Size[], value: number, dtype: DType, graph: GraphBuilder): string => {
  if (sizes.length === 0) return graph.scalar(value, dtype);
  return graph.node("ConstantOfShape", [graph.shape(sizes)], { value: { tensor: graph.data([value], dtype) } });
};

/** The dims in another order. */
export const permute = (x: string, dims: readonly number[], graph: GraphBuilder): string =>
  dims.every((dim, d) => dim === d) ? x : graph.node("Transpose", [x], { perm: { ints: dims } });

const reshape: Lowering<AttrsOf<typeof move.reshapeOp>> = (call, graph) => {
  const sizes = call.sizes(({ shape }) => shape);
  // A 0 would mean "as it is" otherwise.
  const attributes = sizes.includes(0) ? { allowzero: { int: 1 } } : {};
  return graph.node("Reshape", [given(call), graph.shape(sizes)], attributes);
};

const slice: Lowering<AttrsOf<typeof move.sliceOp>> = (call, graph) => {
  const { dim, step } = call.attrs;
  const start = call.size((attrs) => attrs.start);
  const stop = call.size((attrs) =>
    attrs.length === 0 ? attrs.start : attrs.start + (attrs.length - 1) * attrs.step + 1,
  );
  const [axes, steps] = [graph.constant([dim], "int64"), graph.constant([step], "int64")];
  return graph.node("Slice", [given(call), graph.shape([start]), graph.shape([stop]), axes, steps]);
};

const place: Lowering<AttrsOf<typeof move.placeOp>> = (call, graph) => {
  const { steps, value } = call.attrs;
  if (steps.some((step) => step !== 1))
    throw new OnnxError(
      `exportOnnx: expected a padding that keeps elements side by side, got steps ${steps.join()}; ONNX has no form for it`,
    );
  const starts = call.sizes((attrs) => attrs.starts);
  const ends = call.sizes(({ shape, starts: before }, [x]) => shape.map((size, d) => size - before[d]! - x![d]!));
  return graph.node("Pad", [
    given(call),
    graph.shape([...starts, ...ends]),
    graph.scalar(value, call.inputSpecs[0]!.dtype),
  ]);
};

const fill: Lowering<AttrsOf<typeof move.fillOp>> = (call, graph) => {
  const { value, dtype } = call.attrs;
  return filled(
    call.sizes(({ shape }) => shape),
    value,
    dtype,
    graph,
  );
};

export const moves = {
  reshape,
  permute: ((call, graph) => permute(given(call), call.attrs.dims, graph)) as Lowering<AttrsOf<typeof move.permuteOp>>,
  expand: ((call, graph) => {
    const sizes = call.sizes(({ shape }) => shape);
    return graph.node("Expand", [given(call), graph.shape(sizes)]);
  }) as Lowering<AttrsOf<typeof move.expandOp>>,
  slice,
  stopGradient: (call) => given(call),
  copy: (call) => given(call),
  place,
  cat: ((call, graph) => graph.node("Concat", call.inputs, { axis: { int: call.attrs.dim } })) as Lowering<
    AttrsOf<typeof move.catOp>
  >,
  fill,
} satisfies { readonly [op: string]: Lowering<never> };
