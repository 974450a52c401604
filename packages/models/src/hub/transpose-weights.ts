import { transpose, Tensor, type HostTensor } from "@tessera/tensor";
import type { StoredTensor } from "@tessera/tensor/files";

/** The matrix the other way round: a view of a tensor, a copy on the host. */
const flipped = <T extends Tensor | HostTensor>(x: T): T => {
  if (x instanceof Tensor) return transpose(x, 0, 1) as T;
  const { shape, data } = x;
  const [rows, columns] = shape as [number, number];
  const out = data.slice();
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = data[r * columns + c]!;
  return { ...x, shape: [columns, rows], data: out };
};

/** Turns the matrices whose keys match: between a `Linear`, `[out, in]`, and files that hold `[in, out]`. */
export const transposeWeights = <T extends Tensor | HostTensor>(
  tensors: ReadonlyMap<string, T>,
  keys: RegExp | null | undefined,
): ReadonlyMap<string, T> =>
  keys
    ? new Map([...tensors].map(([name, x]) => [name, keys.test(name) && x.shape.length === 2 ? flipped(x) : x]))
    : tensors;

/** The same for tensors that are still in their file: each is turned when it is loaded. */
export const transposeStored = (
  tensors: ReadonlyMap<string, StoredTensor>,
  keys: RegExp | null | undefined,
): ReadonlyMap<string, StoredTensor> => {
  if (!keys) return tensors;
  const turned = (stored: StoredTensor): StoredTensor => ({
    dtype: stored.dtype,
    shape: [stored.shape[1]!, stored.shape[0]!],
    load: async () => flipped(await stored.load()),
  });
  return new Map(
    [...tensors].map(([name, stored]) => [
      name,
      keys.test(name) && stored.shape.length === 2 ? turned(stored) : stored,
    ]),
  );
};
