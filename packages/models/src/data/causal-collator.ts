import { IGNORE_INDEX } from "./mlm-collator.ts";
import { padSequences, type PaddedSequences, type PadOptions } from "./pad-sequences.ts";

/** A batch for a causal language model. */
export interface CausalBatch extends PaddedSequences {
  /** The inputs, and −100 on padding; the model moves them by one. Shape: `[batch, length]`. */
  labels: Int32Array;
}

/**
 * Pads sequences for a causal language model, whose labels are its inputs.
 *
 * @example
 * const collator = new CausalCollator({ padTokenId: tokenizer.eosTokenId });
 * const { inputIds, labels, shape } = collator.collate(takeBlocks(blocks, [0, 1]));
 *
 * Source: {@link https://huggingface.co/docs/transformers/main_classes/data_collator#transformers.DataCollatorForLanguageModeling DataCollatorForLanguageModeling}
 * with `mlm=False`; a token that is also the padding keeps its label where it stands in a text.
 */
export class CausalCollator {
  constructor(private readonly options: PadOptions) {}

  /** @throws {DataError} if there is no sequence, or an option is out of its range */
  collate(sequences: readonly ArrayLike<number>[]): CausalBatch {
    const padded = padSequences(sequences, this.options);
    const labels = padded.inputIds.map((id, i) => (padded.attentionMask[i] === 1 ? id : IGNORE_INDEX));
    return { ...padded, labels };
  }
}
