import { DataError } from "./data-error.ts";
import { SeededRandom } from "./seeded-random.ts";

/**
 * Examples that are reached by their index, from an array, a file, a computation.
 *
 * Source: {@link https://docs.pytorch.org/docs/stable/data.html#map-style-datasets map-style datasets}.
 */
export interface Dataset<T> {
  readonly length: number;
  /** @param index in 0 … length − 1 */
  get(index: number): T | Promise<T>;
}

/**
 * Examples that come one after another, too many to count.
 *
 * Source: {@link https://docs.pytorch.org/docs/stable/data.html#iterable-style-datasets iterable-style datasets}.
 */
export interface IterableDataset<T> {
  /** The examples of an epoch, in the same order whenever it is asked for: that is what lets a run go on. */
  iterate(epoch: number): Iterable<T> | AsyncIterable<T>;
}

const checkIndex = (what: string, index: number, length: number): void => {
  if (!(Number.isInteger(index) && index >= 0 && index < length))
    throw new DataError(`${what}: expected an index in 0 … ${length - 1}, got ${index}; are these another dataset's?`);
};

/**
 * An array as a dataset.
 *
 * @example
 * datasetOf(["a", "b"]).get(1); // "b"
 */
export const datasetOf = <T>(items: ArrayLike<T>): Dataset<T> => ({
  length: items.length,
  get: (index) => {
    checkIndex("datasetOf", index, items.length);
    return items[index]!;
  },
});

/**
 * Each example made into another when it is asked for.
 *
 * @example
 * const encoded = mapDataset(datasetOf(texts), (text) => tokenizer.encodeToIds(text));
 */
export const mapDataset = <T, U>(
  dataset: Dataset<T>,
  change: (item: T, index: number) => U | Promise<U>,
): Dataset<U> => ({
  length: dataset.length,
  get: (index) => {
    const item = dataset.get(index);
    return item instanceof Promise ? item.then((value) => change(value, index)) : change(item, index);
  },
});

/**
 * Some of the examples, in the order of the indices.
 *
 * @throws {DataError} for an index beyond the dataset
 */
export const subset = <T>(dataset: Dataset<T>, indices: ArrayLike<number>): Dataset<T> => {
  for (let i = 0; i < indices.length; i++) checkIndex("subset", indices[i]!, dataset.length);
  return {
    length: indices.length,
    get: (index) => {
      checkIndex("subset", index, indices.length);
      return dataset.get(indices[index]!);
    },
  };
};

/** One dataset behind the other. */
export const concatDatasets = <T>(...datasets: readonly Dataset<T>[]): Dataset<T> => {
  const length = datasets.reduce((total, dataset) => total + dataset.length, 0);
  return {
    length,
    get: (index) => {
      checkIndex("concatDatasets", index, length);
      let at = index;
      for (const dataset of datasets) {
        if (at < dataset.length) return dataset.get(at);
        at -= dataset.length;
      }
      throw new DataError(`concatDatasets: expected datasets of a fixed length, got one that shrank; copy it first`);
    },
  };
};

/**
 * Parts that are drawn at random and have no example in common; the same seed gives the same parts.
 *
 * @param parts how many examples each part has, which are all together; or shares that add up to 1, of which what is left over by
 *   rounding goes to the first parts, one example each
 * @throws {DataError} if the parts are not all of the dataset
 *
 * @example
 * const [training, validation] = randomSplit(dataset, [0.9, 0.1], 1);
 *
 * Source: {@link https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.random_split random_split}.
 */
export const randomSplit = <T>(dataset: Dataset<T>, parts: readonly number[], seed: number): Dataset<T>[] => {
  const { length } = dataset;
  const total = parts.reduce((sum, part) => sum + part, 0);
  const isCounts = parts.every((part) => Number.isInteger(part) && part >= 0) && total === length;
  const isShares = parts.every((part) => part >= 0 && part <= 1) && Math.abs(total - 1) < 1e-9;
  if (!isCounts && !isShares)
    throw new DataError(
      `randomSplit: expected counts that add up to ${length}, or shares that add up to 1, got ${parts.join(", ")}; change them`,
    );
  const counts = isCounts ? [...parts] : parts.map((part) => Math.floor(length * part));
  for (let i = 0, left = length - counts.reduce((sum, count) => sum + count, 0); left > 0; left--, i++)
    counts[i % counts.length]!++;
  const order = new SeededRandom(seed, "split").shuffle(Int32Array.from({ length }, (_, i) => i));
  let at = 0;
  return counts.map((count) => subset(dataset, order.subarray(at, (at += count))));
};
