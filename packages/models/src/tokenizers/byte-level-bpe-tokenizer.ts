import { specialToken } from "./added-tokens.ts";
import { DAMAGED, fail } from "./section.ts";
import { ROBERTA_SPECIAL_TOKENS, type SpecialTokens } from "./special-tokens.ts";
import {
  hasType,
  parseJson,
  readMergesText,
  readTokenizerJson,
  readVocab,
  type BpeParts,
  type TokenizerParts,
} from "./tokenizer-json.ts";
import { TokenizerError } from "./tokenizer-error.ts";
import { byId } from "./tokenizer-tables.ts";
import { Tokenizer, type TokenizerOptions } from "./tokenizer.ts";

export interface RobertaTokenizerOptions extends TokenizerOptions {
  /** Puts a space before a text that has none, so that its first word looks like any other. Default false. */
  addPrefixSpace?: boolean | undefined;
}

/**
 * Byte-level BPE with the tokens, ids and files of Hugging Face's `ByteLevelBPETokenizer` and `RobertaTokenizerFast`:
 * added tokens are cut out, GPT-2's pattern makes words, their UTF-8 bytes become symbols, merges join them by rank.
 * Any text has tokens, and decoding gives it back to the byte.
 *
 * @example
 * const tokenizer = ByteLevelBpeTokenizer.fromModel(trainBpe(["low lower lowest"], { vocabSize: 300 }));
 * const { ids, tokens } = tokenizer.encode("lower <mask>");
 * tokenizer.decode(ids); // "lower"
 *
 * Source: Radford et al. 2019 (GPT-2); Liu et al. 2019, <https://arxiv.org/abs/1907.11692>;
 * <https://huggingface.co/docs/tokenizers>.
 */
export class ByteLevelBpeTokenizer extends Tokenizer {
  /**
   * Reads `tokenizer.json`, as text or parsed.
   *
   * @throws {TokenizerError} naming the place, where the file is damaged or not a byte-level BPE
   */
  static override fromJSON(json: unknown, options: TokenizerOptions = {}): ByteLevelBpeTokenizer {
    const parts = readTokenizerJson(json);
    const { model, preTokenizer, decoder } = parts;
    const other = "Tokenizer.fromJSON reads other kinds than byte-level BPE (GPT-2, RoBERTa, Llama 3)";
    if (model.type !== "BPE") fail("tokenizer.json: model.type", '"BPE"', model.type, other);
    if (!hasType(preTokenizer, "ByteLevel"))
      fail("tokenizer.json: pre_tokenizer", 'type "ByteLevel"', preTokenizer, other);
    if (!hasType(decoder, "ByteLevel")) fail("tokenizer.json: decoder", 'type "ByteLevel"', decoder, DAMAGED);
    return new ByteLevelBpeTokenizer(parts, options);
  }

  /**
   * Reads the contents of `vocab.json` and `merges.txt`, and adds RoBERTa's special tokens and post-processor.
   *
   * @throws {TokenizerError} naming the place, where a file is damaged or a special token is not in the vocabulary
   */
  static fromFiles(vocab: unknown, merges: string, options: RobertaTokenizerOptions = {}): ByteLevelBpeTokenizer {
    return ByteLevelBpeTokenizer.fromModel(
      { vocab: readVocab("vocab.json", parseJson("vocab.json", vocab)), merges: readMergesText("merges.txt", merges) },
      options,
    );
  }

  /**
   * Dresses a trained model as RoBERTa's tokenizer: its special tokens, `<mask>` taking the space before it, `<s> … </s>`.
   *
   * @throws {TokenizerError} if a special token is not in the vocabulary
   */
  static fromModel(
    { vocab, merges }: Pick<BpeParts, "vocab" | "merges">,
    { specialTokens = {}, addPrefixSpace = false, random }: RobertaTokenizerOptions = {},
  ): ByteLevelBpeTokenizer {
    const own = Object.entries(specialTokens).filter(([, name]) => name !== undefined);
    const names = { ...ROBERTA_SPECIAL_TOKENS, ...(Object.fromEntries(own) as Partial<SpecialTokens>) };
    const parts = robertaParts({ vocab, merges }, names, addPrefixSpace);
    return new ByteLevelBpeTokenizer(parts, { specialTokens: names, random });
  }

  /** The contents of `tokenizer.json`, `vocab.json` and `merges.txt`. */
  override toFiles(): Record<"tokenizer.json" | "vocab.json" | "merges.txt", string> {
    const { "tokenizer.json": json, "vocab.json": vocab = "", "merges.txt": merges = "" } = super.toFiles();
    return { "tokenizer.json": json, "vocab.json": vocab, "merges.txt": merges };
  }
}

/** The parts of `RobertaTokenizerFast`: `<mask>` takes the space before it, `<s>` and `</s>` stand around a text. */
const robertaParts = (
  { vocab, merges }: Pick<BpeParts, "vocab" | "merges">,
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
  const byteLevel = (prefix: boolean) => ({
    type: "ByteLevel",
    add_prefix_space: prefix,
    trim_offsets: true,
    use_regex: true,
  });
  return {
    model: {
      type: "BPE",
      vocab,
      merges,
      dropout: null,
      unkToken: null,
      continuingSubwordPrefix: null,
      endOfWordSuffix: null,
      fuseUnk: false,
      byteFallback: false,
      ignoreMerges: false,
    },
    addedTokens: byId(Object.values(names).map((name: string) => specialToken(idOf(name), name, name === names.mask))),
    normalizer: null,
    preTokenizer: byteLevel(addPrefixSpace),
    postProcessor: {
      type: "RobertaProcessing",
      sep: [names.eos, idOf(names.eos)],
      cls: [names.bos, idOf(names.bos)],
      trim_offsets: true,
      add_prefix_space: addPrefixSpace,
    },
    decoder: byteLevel(true),
  };
};
