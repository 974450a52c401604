import type { LoadableState } from "@tessera/nn";
import { ArgumentError, DTypeError, ShapeError, Tensor, type HostTensor, type TypedArray } from "@tessera/tensor";
import { sameShape, showShape } from "@tessera/tensor/extend";
import { hostTensorFault } from "@tessera/tensor/files";
import { blockGrid, BlockLayout } from "./block-layout.ts";

/** The numbers of an entry of a state. */
export const hostData = (value: Tensor | HostTensor): TypedArray =>
  value instanceof Tensor ? value.dataSync() : value.data;

/**
 * The layout of one layer in a checkpoint. Its numbers come from outside and are checked like any others.
 *
 * @param prefix the layer's path with a dot at the end
 */
export const layoutInState = (
  state: LoadableState,
  prefix: string,
  [outputs, inputs]: readonly [number, number],
): BlockLayout => {
  const entry = (name: string): Tensor | HostTensor => {
    const found = state.get(`${prefix}${name}`);
    if (!found)
      throw new ArgumentError(
        `block-sparse state: expected a key "${prefix}${name}", it is not there; is this layer dense in the checkpoint?`,
      );
    return found;
  };
  const [values, crowIndices, colIndices] = [entry("values"), entry("crowIndices"), entry("colIndices")];
  for (const [name, value] of Object.entries({ values, crowIndices, colIndices })) {
    const fault = value instanceof Tensor ? null : hostTensorFault(value);
    if (fault) throw new ArgumentError(`block-sparse state: "${prefix}${name}" ${fault}; is the checkpoint damaged?`);
  }
  const blocks = colIndices.shape.length === 1 ? colIndices.shape[0] : undefined;
  const [, blockSize = 0] = values.shape;
  if (values.dtype !== "float32" || blocks === undefined || !sameShape(values.shape, [blocks, blockSize, blockSize]))
    throw new ShapeError(
      `block-sparse state: expected "${prefix}values" float32 [n, b, b] for n = ${blocks ?? showShape(colIndices.shape)} colIndices, got ${values.dtype} ${showShape(values.shape)}`,
    );
  if (crowIndices.dtype !== "int32" || colIndices.dtype !== "int32")
    throw new DTypeError(
      `block-sparse state: expected int32 "${prefix}crowIndices" and "${prefix}colIndices", got ${crowIndices.dtype} and ${colIndices.dtype}`,
    );
  const { rows, cols } = blockGrid("block-sparse state", [outputs, inputs], blockSize);
  return new BlockLayout({
    rows,
    cols,
    blockSize,
    crowIndices: hostData(crowIndices),
    colIndices: hostData(colIndices),
  });
};
