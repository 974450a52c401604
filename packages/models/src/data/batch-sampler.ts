import { DataError } from "./data-error.ts";
import { SeededRandom } from "./seeded-random.ts";

export interface BatchSamplerOptions {
  /** How many examples there are. */
  size: number;
  batchSize: number;
  seed: number;
  /** A new order each epoch; false keeps 0, 1, 2 … Default true. */
  shuffle?: boolean | undefined;
  /** Leaves out an incomplete last batch. Default false. */
  dropLast?: boolean | undefined;
  /** The length of each example: batches then hold examples of like length, which saves padding. Needs `shuffle`. */
  lengths?: ArrayLike<number> | undefined;
}

/** All that must be saved to go on at the next batch. */
export interface BatchSamplerState {
  seed: number;
  epoch: number;
  /** Batches of this epoch that have been taken. */
  position: number;
}

/** Batches among which examples are sorted by length: enough to find equals, few enough to stay random. */
const BATCHES_PER_GROUP = 50;

/**
 * An endless run through the examples, epoch after epoch, each in an order of its own that follows from seed and epoch alone:
 * so the state is three numbers, and a sampler that loads them goes on with the very batches the other would have given.
 *
 * @example
 * const sampler = new BatchSampler({ size: examples.length, batchSize: 32, seed: 1 });
 * const batch = Array.from(sampler.next(), (i) => examples[i]!);
 * const saved = JSON.stringify(sampler.state);
 * sampler.load(JSON.parse(saved) as BatchSamplerState);
 */
export class BatchSampler {
  /** Batches in an epoch. */
  readonly batchesPerEpoch: number;
  private readonly options: Required<Omit<BatchSamplerOptions, "lengths">> & Pick<BatchSamplerOptions, "lengths">;
  private epoch = 0;
  private position = 0;
  /** The batches of the current epoch; made when they are first asked for. */
  private batches: Int32Array[] | undefined;

  /** @throws {DataError} if there is no batch to give */
  constructor({ shuffle = true, dropLast = false, ...options }: BatchSamplerOptions) {
    this.options = { shuffle, dropLast, ...options };
    const { size, batchSize, lengths } = options;
    if (!Number.isInteger(size) || size < 1 || !Number.isInteger(batchSize) || batchSize < 1) {
      throw new DataError(
        `BatchSampler: expected size and batchSize ≥ 1, got ${size} and ${batchSize}; is the data empty?`,
      );
    }
    this.batchesPerEpoch = dropLast ? Math.floor(size / batchSize) : Math.ceil(size / batchSize);
    if (this.batchesPerEpoch === 0) {
      throw new DataError(
        `BatchSampler: expected at least one whole batch of ${batchSize}, got ${size} examples; lower batchSize or keep the last batch`,
      );
    }
    if (lengths && lengths.length !== size) {
      throw new DataError(
        `BatchSampler: expected a length for each of ${size} examples, got ${lengths.length}; measure all of them`,
      );
    }
    if (lengths && !shuffle) {
      throw new DataError("BatchSampler: expected shuffle with lengths, got shuffle: false; drop one of them");
    }
  }

  get state(): BatchSamplerState {
    return { seed: this.options.seed, epoch: this.epoch, position: this.position };
  }

  /**
   * Goes on where another sampler of the same options stood.
   *
   * @throws {DataError} if the state is another seed's, or does not fit the data
   */
  load({ seed, epoch, position }: BatchSamplerState): void {
    if (seed !== this.options.seed) {
      throw new DataError(
        `BatchSampler.load: expected seed ${this.options.seed}, got ${seed}; make the sampler with that seed`,
      );
    }
    const fits = Number.isInteger(epoch) && epoch >= 0 && Number.isInteger(position) && position >= 0;
    if (!fits || position >= this.batchesPerEpoch) {
      throw new DataError(
        `BatchSampler.load: expected epoch ≥ 0 and position < ${this.batchesPerEpoch}, got ${epoch} and ${position}; is it other data?`,
      );
    }
    this.epoch = epoch;
    this.position = position;
    this.batches = undefined;
  }

  /** The indices of the next batch. After an epoch's last the next epoch begins. */
  next(): Int32Array {
    this.batches ??= this.arrange();
    const batch = this.batches[this.position]!;
    this.position++;
    if (this.position === this.batchesPerEpoch) {
      this.epoch++;
      this.position = 0;
      this.batches = undefined;
    }
    return batch;
  }

  /** The batches of the current epoch. */
  private arrange(): Int32Array[] {
    const { size, batchSize, seed, shuffle, lengths } = this.options;
    const order = Int32Array.from({ length: size }, (_, i) => i);
    const random = new SeededRandom(seed, "batches", this.epoch);
    if (shuffle) random.shuffle(order);
    if (lengths) sortGroups(order, lengths, batchSize * BATCHES_PER_GROUP);
    const batches: Int32Array[] = [];
    for (let start = 0; start < size; start += batchSize) batches.push(order.slice(start, start + batchSize));
    // Sorted groups would bring the long ones first; an incomplete batch stays the last.
    const last = batches.at(-1)!.length < batchSize ? batches.pop() : undefined;
    if (lengths) random.shuffle(batches);
    if (last && !this.options.dropLast) batches.push(last);
    return batches;
  }
}

/** Sorts each stretch of `group` examples by length, the longest first; equals stay in their order. */
const sortGroups = (order: Int32Array, lengths: ArrayLike<number>, group: number): void => {
  for (let start = 0; start < order.length; start += group) {
    const sorted = Array.from(order.subarray(start, start + group)).sort((a, b) => lengths[b]! - lengths[a]!);
    order.set(sorted, start);
  }
};
