import { cat, indexSelect, scope, Tensor, zeros } from "@tessera/tensor";

/**
 * The entries of a tensor along its first dim in another order: entry i is entry `sources[i]` of x, or zeros where that is −1.
 * What blocks of a weight and what an optimiser remembers of them move by.
 *
 * Shape: x `[n, …]`, m sources → `[m, …]`.
 *
 * @example
 * pickEntries(tensor([[1, 2], [3, 4]]), [1, -1]); // [[3, 4], [0, 0]]
 */
export const pickEntries = (x: Tensor, sources: ArrayLike<number>): Tensor =>
  scope(() => {
    const [n = 0, ...rest] = x.shape;
    const { dtype, device } = x;
    const places = Int32Array.from(sources, (source) => (source < 0 ? n : source));
    const from = places.includes(n) ? cat([x, zeros([1, ...rest], { dtype, device })]) : x;
    return indexSelect(from, 0, Tensor.fromHost(places, [places.length], "int32", device));
  });
