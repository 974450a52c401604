import { BatchSampler, type BatchSamplerState } from "./batch-sampler.ts";
import { DataError } from "./data-error.ts";
import type { Dataset, IterableDataset } from "./dataset.ts";
import { SeededRandom } from "./seeded-random.ts";

export interface DataLoaderOptions<T, B> {
  /** Examples in a batch. Default 1. */
  batchSize?: number | undefined;
  /** A new order each epoch. Default false. */
  shuffle?: boolean | undefined;
  /** Decides orders, and what `collate` draws. Default 0. */
  seed?: number | undefined;
  /** Leaves out an incomplete last batch. Default false. */
  dropLast?: boolean | undefined;
  /**
   * Makes a batch of examples. What it draws, it draws from `random`, which depends on the seed and the batch's place alone, so that a run
   * that goes on draws the same. Default: the examples as an array.
   */
  collate?: ((items: T[], random: SeededRandom) => B | Promise<B>) | undefined;
  /** How many batches are made ahead of the one that is in use. Default 2; 0 makes each when it is asked for. */
  prefetch?: number | undefined;
  /** For an iterable dataset with `shuffle`: among how many examples the next one is drawn. Default 1000. */
  shuffleBuffer?: number | undefined;
  /** The length of each example: batches then hold examples of like length. Needs `shuffle` and a dataset with indices. */
  lengths?: ArrayLike<number> | undefined;
}

/** Where a loader stands: all that must be saved to go on at the next batch. */
export type DataLoaderState = BatchSamplerState;

const isIterable = <T>(data: unknown): data is IterableDataset<T> =>
  typeof (data as { readonly iterate?: unknown }).iterate === "function";

const isDataset = <T>(data: unknown): data is Dataset<T> =>
  typeof (data as { readonly get?: unknown }).get === "function";

const wholeNumber = (name: string, value: number, min: number): void => {
  if (!Number.isInteger(value) || value < min)
    throw new DataError(`DataLoader: expected ${name} to be a whole number ≥ ${min}, got ${value}; change it`);
};

/**
 * Batches of a dataset. `for await` gives the batches of one epoch, or what is left of it; the next loop gives the next epoch. `state`
 * says where the loader stands, after the last batch that was given out, and `load` goes on there with the very batches that
 * would have come: with a dataset of indices at once, with an iterable one by reading what has been read again.
 *
 * @example
 * const loader = new DataLoader(examples, { batchSize: 32, shuffle: true, seed: 1, collate: (items) => collator.collate(items) });
 * for await (const batch of loader) step(batch);
 * const saved = JSON.stringify(loader.state);
 *
 * Source: {@link https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader DataLoader}.
 */
export class DataLoader<T, B = T[]> implements AsyncIterable<B> {
  private readonly seed: number;
  private readonly options: DataLoaderOptions<T, B>;
  private readonly prefetch: number;
  private readonly sampler: BatchSampler | null;
  private epoch = 0;
  private position = 0;

  /** @throws {DataError} if there is no batch to give, or an option is out of its range */
  constructor(
    private readonly data: ArrayLike<T> | Dataset<T> | IterableDataset<T>,
    options: DataLoaderOptions<T, B> = {},
  ) {
    const { batchSize = 1, seed = 0, prefetch = 2, shuffleBuffer = 1000, lengths } = options;
    this.options = options;
    this.seed = seed;
    this.prefetch = prefetch;
    wholeNumber("batchSize", batchSize, 1);
    wholeNumber("prefetch", prefetch, 0);
    wholeNumber("shuffleBuffer", shuffleBuffer, 1);
    if (isIterable<T>(data)) {
      if (lengths)
        throw new DataError(
          "DataLoader: expected no lengths with an iterable dataset, got some; its examples have no indices",
        );
      this.sampler = null;
    } else
      this.sampler = new BatchSampler({
        size: data.length,
        batchSize,
        seed,
        shuffle: options.shuffle ?? false,
        dropLast: options.dropLast ?? false,
        ...(lengths ? { lengths } : {}),
      });
  }

  /** Batches in an epoch; `undefined` for an iterable dataset, whose end nobody knows. */
  get length(): number | undefined {
    return this.sampler?.batchesPerEpoch;
  }

  get state(): DataLoaderState {
    return { seed: this.seed, epoch: this.epoch, position: this.position };
  }

  /**
   * Goes on where another loader of the same data and options stood. A loop that is under way keeps its own way.
   *
   * @throws {DataError} if the state is another seed's, or does not fit the data
   */
  load(state: DataLoaderState): void {
    const { seed, epoch, position } = state;
    if (seed !== this.seed)
      throw new DataError(`DataLoader.load: expected seed ${this.seed}, got ${seed}; make the loader with that seed`);
    if (this.sampler) this.sampler.load(state);
    else {
      wholeNumber("the state's epoch", epoch, 0);
      wholeNumber("the state's position", position, 0);
    }
    this.epoch = epoch;
    this.position = position;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<B, void, undefined> {
    const epoch = this.epoch;
    let position = this.position;
    const source = this.sampler ? this.byIndex(this.sampler, epoch, position) : this.inOrder(epoch, position);
    /** Batches under way, in order. */
    const ahead: Promise<B>[] = [];
    try {
      for (;;) {
        while (ahead.length <= this.prefetch) {
          const items = await source.next();
          if (items.done) break;
          const random = new SeededRandom(this.seed, "collate", epoch, position + ahead.length);
          const batch = this.collate(items.value, random);
          // It is awaited in its turn; until then a failure is not one that nobody handles.
          batch.catch(() => undefined);
          ahead.push(batch);
        }
        const next = ahead.shift();
        if (next === undefined) break;
        const batch = await next;
        position++;
        // What is given out has been taken, whatever the caller does with it.
        [this.epoch, this.position] = position === this.length ? [epoch + 1, 0] : [epoch, position];
        yield batch;
      }
      [this.epoch, this.position] = [epoch + 1, 0];
    } finally {
      await source.return(undefined);
    }
  }

  private async collate(items: readonly (T | Promise<T>)[], random: SeededRandom): Promise<B> {
    const all = await Promise.all(items);
    const { collate } = this.options;
    return collate ? collate(all, random) : (all as unknown as B);
  }

  private async *byIndex(
    sampler: BatchSampler,
    epoch: number,
    position: number,
  ): AsyncGenerator<(T | Promise<T>)[], void, undefined> {
    const data = this.data as ArrayLike<T> | Dataset<T>;
    const get = isDataset<T>(data) ? (index: number) => data.get(index) : (index: number) => data[index]!;
    sampler.load({ seed: this.seed, epoch, position });
    const batches = Array.from({ length: sampler.batchesPerEpoch - position }, () => sampler.next());
    for (const indices of batches) yield Array.from(indices, (index) => get(index));
  }

  private async *inOrder(epoch: number, position: number): AsyncGenerator<T[], void, undefined> {
    const { batchSize = 1, dropLast = false, shuffle = false, shuffleBuffer = 1000 } = this.options;
    const items = (this.data as IterableDataset<T>).iterate(epoch);
    let skip = position;
    let batch: T[] = [];
    for await (const item of shuffle
      ? shuffled(items, shuffleBuffer, new SeededRandom(this.seed, "buffer", epoch))
      : items) {
      batch.push(item);
      if (batch.length < batchSize) continue;
      if (skip > 0) skip--;
      else yield batch;
      batch = [];
    }
    if (batch.length > 0 && !dropLast && skip === 0) yield batch;
  }
}

/** Each next one is drawn among those in a buffer, which is filled again behind it. */
async function* shuffled<T>(
  items: Iterable<T> | AsyncIterable<T>,
  size: number,
  random: SeededRandom,
): AsyncGenerator<T, void, undefined> {
  const buffer: T[] = [];
  for await (const item of items) {
    if (buffer.length < size) {
      buffer.push(item);
      continue;
    }
    const at = random.nextInt(size);
    yield buffer[at]!;
    buffer[at] = item;
  }
  yield* random.shuffle(buffer);
}
