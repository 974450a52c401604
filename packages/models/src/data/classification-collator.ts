import { DataError } from "./data-error.ts";
import { padSequences, type PaddedSequences, type PadOptions } from "./pad-sequences.ts";

/** A tokenised text with the index of its label. */
export interface EncodedExample {
  /** With the special tokens around it. */
  ids: ArrayLike<number>;
  label: number;
}

/** A batch for sequence classification. */
export interface ClassificationBatch extends PaddedSequences {
  /** Shape: `[batch]`. */
  labels: Int32Array;
}

/**
 * Pads tokenised texts to the longest of the batch, or to the next multiple of `padToMultipleOf`, and collects their labels.
 *
 * @throws {DataError} if there is no example, or a label is no whole number ≥ 0
 *
 * @example
 * const collator = new ClassificationCollator({ padTokenId: 1, maxLength: 40, padToMultipleOf: 8 });
 * const { inputIds, attentionMask, labels, shape } = collator.collate([{ ids: [0, 17, 23, 2], label: 5 }]); // shape: [1, 8]
 */
export class ClassificationCollator {
  constructor(private readonly options: PadOptions) {}

  collate(examples: readonly EncodedExample[]): ClassificationBatch {
    for (const { label } of examples) {
      if (!Number.isInteger(label) || label < 0) {
        throw new DataError(`ClassificationCollator: expected labels 0, 1, 2 …, got ${label}; number the labels first`);
      }
    }
    const padded = padSequences(
      examples.map(({ ids }) => ids),
      this.options,
    );
    return { ...padded, labels: Int32Array.from(examples, ({ label }) => label) };
  }
}
