import { numel } from "@tessera/tensor";
import type { ReferenceKernel } from "@tessera/tensor/extend";
import type { MaxPoolIndicesSignature, OverlapAddSignature } from "./windows.ts";

/** y[…, l · step + k · dilation, …] += x[…, k, l, …]. */
export const overlapAddReference: ReferenceKernel<OverlapAddSignature> = ([x], [y], { dim, n, step, dilation }) => {
  const { shape } = x.layout;
  const [size, count] = [shape[dim]!, shape[dim + 1]!];
  const [outer, inner] = [numel(shape.slice(0, dim)), numel(shape.slice(dim + 2))];
  const sums = new Float64Array(outer * n * inner);
  for (let o = 0; o < outer; o++)
    for (let k = 0; k < size; k++)
      for (let l = 0; l < count; l++)
        for (let i = 0; i < inner; i++)
          sums[(o * n + l * step + k * dilation) * inner + i]! += x.values[((o * size + k) * count + l) * inner + i]!;
  y.values.set(sums);
};

/** The place of the largest element of each window; a NaN is larger than all, and the last one is taken, as in torch. */
export const maxPoolIndicesReference: ReferenceKernel<MaxPoolIndicesSignature> = (
  [x],
  [indices],
  { kernel, stride, padding, dilation, sizes },
) => {
  const { shape } = x.layout;
  const [height, width] = [shape.at(-2)!, shape.at(-1)!];
  let at = 0;
  for (let plane = 0; plane < numel(shape.slice(0, -2)); plane++)
    for (let row = 0; row < sizes[0]; row++)
      for (let column = 0; column < sizes[1]; column++) {
        let [place, best] = [-1, 0];
        for (let i = 0; i < kernel[0]; i++)
          for (let j = 0; j < kernel[1]; j++) {
            const down = row * stride[0] - padding[0] + i * dilation[0];
            const across = column * stride[1] - padding[1] + j * dilation[1];
            if (down < 0 || down >= height || across < 0 || across >= width) continue;
            const value = x.values[(plane * height + down) * width + across]!;
            if (place >= 0 && !(value > best || Number.isNaN(value))) continue;
            [place, best] = [down * width + across, value];
          }
        indices.values[at++] = place;
      }
};
