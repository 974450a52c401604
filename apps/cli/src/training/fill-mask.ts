import type { RobertaForMaskedLM } from "@tessera/models/roberta";
import type { ByteLevelBpeTokenizer } from "@tessera/models/tokenizers";
import { scope, select, softmax, tensor } from "@tessera/tensor";
import { CommandError } from "../terminal/command-error.ts";
import { maxTextLength } from "./model-folder.ts";

/** A token in the place of a mask. */
export interface Fill {
  token: string;
  /** The whole text with the token in it. */
  text: string;
  probability: number;
}

/**
 * Finds the likeliest tokens for the one mask in a text, most likely first.
 *
 * @throws {CommandError} if the text has no mask, or several
 */
export const fillMask = async (
  model: RobertaForMaskedLM,
  tokenizer: ByteLevelBpeTokenizer,
  text: string,
  top: number,
): Promise<Fill[]> => {
  const { ids } = tokenizer.encode(text, { maxLength: maxTextLength(model.config) });
  const masks = ids.flatMap((id, at) => (id === tokenizer.maskTokenId ? [at] : []));
  const at = masks[0];
  if (at === undefined || masks.length > 1) {
    throw new CommandError(
      `fill-mask: expected one ${tokenizer.maskToken} in the text, got ${masks.length === 0 ? "none" : masks.length}; write it where a word is missing`,
    );
  }
  model.eval();
  const probabilities = await scope(() => {
    const { logits } = model.forward({ inputIds: tensor(Int32Array.from(ids), [1, ids.length]) });
    return { read: softmax(select(select(logits!, 0, 0), 0, at), -1).data() };
  }).read;
  return Array.from(probabilities, (probability, id) => ({ probability, id }))
    .filter(({ id }) => !tokenizer.specialTokenIds.has(id))
    .sort((a, b) => b.probability - a.probability || a.id - b.id)
    .slice(0, top)
    .map(({ probability, id }) => ({
      token: tokenizer.decode([id]),
      text: tokenizer.decode(ids.map((own, i) => (i === at ? id : own))),
      probability,
    }));
};
