import type { BatchNormAttrs } from "@tessera/nn/ops/batch-norm";
import type { PoolAttrs, WindowsAttrs } from "@tessera/nn/ops/windows";
import type { Size } from "../graph-builder.ts";
import { given, type Lowering } from "../lowering.ts";
import { OnnxError } from "../onnx-error.ts";
import { cast } from "./elementwise.ts";
import { filled } from "./moves.ts";

const fixed = (sizes: readonly Size[], what: string): number[] =>
  sizes.map((size) => {
    if (typeof size === "number") return size;
    throw new OnnxError(`exportOnnx: expected ${what} of fixed sizes, got one that follows from the inputs'; fix it`);
  });

/** y[…, k, l, …] = x[…, l · step + k · dilation, …]: a choice of elements by a table of places. */
const windows: Lowering<WindowsAttrs> = (call, graph) => {
  const { dim, size, step, dilation } = call.attrs;
  const [n] = fixed([call.size((_, [x]) => x![dim]!)], "windows") as [number];
  const count = Math.floor((n - (size - 1) * dilation - 1) / step) + 1;
  const places = Array.from({ length: size * count }, (_, i) => Math.floor(i / count) * dilation + (i % count) * step);
  return graph.node("Gather", [given(call), graph.constant(places, "int64", [size, count])], { axis: { int: dim } });
};

/** Where in its plane the largest element of each window lies. ONNX counts through all planes. */
const maxPoolIndices: Lowering<PoolAttrs> = (call, graph) => {
  const { kernel, stride, padding, dilation, sizes } = call.attrs;
  const [height, width] = fixed(
    call.sizes((_, [x]) => x!.slice(-2)),
    "max pooling",
  ) as [number, number];
  const lead = call.sizes((_, [x]) => x!.slice(0, -2));
  const planes = graph.node("Reshape", [given(call), graph.shape([-1, 1, height, width])]);
  // What the last window needs behind the plane; in ceil mode more than the padding.
  const behind = [height, width].map((n, d) =>
    Math.max((sizes[d]! - 1) * stride[d]! + (kernel[d]! - 1) * dilation[d]! + 1 - n - padding[d]!, 0),
  );
  const [, all] = graph.nodeOf("MaxPool", [planes], 2, {
    kernel_shape: { ints: kernel },
    strides: { ints: stride },
    dilations: { ints: dilation },
    pads: { ints: [...padding, ...behind] },
  });
  const inPlane = graph.node("Mod", [all!, graph.scalar(height * width, "int64")]);
  return cast(graph.node("Reshape", [inPlane, graph.shape([...lead, ...sizes])]), "int32", graph);
};

const batchNorm: Lowering<BatchNormAttrs> = (call, graph) => {
  const [x, weight, bias, mean, variance] = call.inputs;
  if (!mean || !variance)
    throw new OnnxError(
      "exportOnnx: expected batch norms with fixed statistics, got those of the batch; keep running ones (trackRunningStats)",
    );
  const channels = call.sizes((_, [input]) => [input![1]!]);
  const scale = weight ?? filled(channels, 1, "float32", graph);
  const shift = bias ?? filled(channels, 0, "float32", graph);
  return graph.node("BatchNormalization", [x!, scale, shift, mean, variance], { epsilon: { float: call.attrs.eps } });
};

/** What `@tessera/nn` adds: windows of convolutions and pools, norms over channels. */
export const channels = { windows, maxPoolIndices, batchNorm } satisfies { readonly [op: string]: Lowering<never> };
