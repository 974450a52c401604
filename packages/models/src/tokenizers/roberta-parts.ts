import { specialToken } from "./added-tokens.ts";
import type { ByteLevelSection, TokenizerParts } from "./tokenizer-json.ts";
import { TokenizerError } from "./tokenizer-error.ts";

/** The names of the tokens with a role. */
export interface SpecialTokens {
  bos: string;
  pad: string;
  eos: string;
  unk: string;
  mask: string;
}

/** RoBERTa's names, in the order of their ids. */
export const ROBERTA_SPECIAL_TOKENS: Readonly<SpecialTokens> = {
  bos: "<s>",
  pad: "<pad>",
  eos: "</s>",
  unk: "<unk>",
  mask: "<mask>",
};

const byteLevel = (addPrefixSpace: boolean): ByteLevelSection => ({
  type: "ByteLevel",
  add_prefix_space: addPrefixSpace,
  trim_offsets: true,
  use_regex: true,
});

/** The parts of `RobertaTokenizerFast`: `<mask>` takes the space before it, `<s>` and `</s>` stand around a text. */
export const robertaParts = (
  vocab: TokenizerParts["vocab"],
  merges: TokenizerParts["merges"],
  names: SpecialTokens,
  addPrefixSpace: boolean,
): TokenizerParts => {
  const idOf = (name: string): number => {
    const id = vocab.get(name);
    if (id !== undefined) return id;
    throw new TokenizerError(
      `vocab: expected the special token ${JSON.stringify(name)}, got none of that name; train with it or name yours in specialTokens`,
    );
  };
  return {
    vocab,
    merges,
    addedTokens: Object.values(names)
      .map((name: string) => specialToken(idOf(name), name, name === names.mask))
      .sort((a, b) => a.id - b.id),
    preTokenizer: byteLevel(addPrefixSpace),
    postProcessor: {
      type: "RobertaProcessing",
      sep: [names.eos, idOf(names.eos)],
      cls: [names.bos, idOf(names.bos)],
      trim_offsets: true,
      add_prefix_space: addPrefixSpace,
    },
    decoder: byteLevel(true),
    unkToken: null,
  };
};
