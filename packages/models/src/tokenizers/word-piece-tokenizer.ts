import { specialToken } from "./added-tokens.ts";
import { fail } from "./section.ts";
import { BERT_SPECIAL_TOKENS, type SpecialTokens } from "./special-tokens.ts";
import { readTokenizerJson, readVocabText, type TokenizerParts } from "./tokenizer-json.ts";
import { TokenizerError } from "./tokenizer-error.ts";
import { byId } from "./tokenizer-tables.ts";
import { Tokenizer, type TokenizerOptions } from "./tokenizer.ts";

export interface BertTokenizerOptions extends TokenizerOptions {
  /** Whether text is put into lowercase and loses its accents first: true for "uncased" models, and by default. */
  lowercase?: boolean | undefined;
  /** Default: as `lowercase`. */
  stripAccents?: boolean | undefined;
  /** Whether each Chinese character is a word. Default true. */
  handleChineseChars?: boolean | undefined;
}

/**
 * WordPiece with the tokens, ids and files of Hugging Face's `BertTokenizerFast`: text is cleaned, put into lowercase and cut at
 * white space and punctuation; of each word the longest token that it begins with is taken, then of the rest.
 *
 * @example
 * const tokenizer = WordPieceTokenizer.fromVocab(trainWordPiece(["low lower lowest"], { vocabSize: 40 }));
 * tokenizer.encode("lower [MASK]").tokens; // ["[CLS]", "lower", "[MASK]", "[SEP]"]
 *
 * Source: Devlin et al. 2019, <https://arxiv.org/abs/1810.04805>; <https://huggingface.co/docs/tokenizers>.
 */
export class WordPieceTokenizer extends Tokenizer {
  /**
   * Reads `tokenizer.json`, as text or parsed.
   *
   * @throws {TokenizerError} naming the place, where the file is damaged or no WordPiece
   */
  static override fromJSON(json: unknown, options: TokenizerOptions = {}): WordPieceTokenizer {
    const parts = readTokenizerJson(json);
    if (parts.model.type !== "WordPiece")
      fail("tokenizer.json: model.type", '"WordPiece"', parts.model.type, "Tokenizer.fromJSON reads other kinds");
    return new WordPieceTokenizer(parts, options);
  }

  /**
   * Reads the contents of `vocab.txt`, and adds BERT's special tokens and post-processor.
   *
   * @throws {TokenizerError} naming the line, where a token stands twice; if a special token is not in the vocabulary
   */
  static fromFiles(vocab: string, options: BertTokenizerOptions = {}): WordPieceTokenizer {
    return WordPieceTokenizer.fromVocab(readVocabText("vocab.txt", vocab), options);
  }

  /**
   * Dresses a vocabulary as BERT's tokenizer.
   *
   * @throws {TokenizerError} if a special token is not in the vocabulary
   */
  static fromVocab(
    vocab: ReadonlyMap<string, number>,
    { specialTokens = {}, random, ...options }: BertTokenizerOptions = {},
  ): WordPieceTokenizer {
    const own = Object.entries(specialTokens).filter(([, name]) => name !== undefined);
    const names = { ...BERT_SPECIAL_TOKENS, ...(Object.fromEntries(own) as Partial<SpecialTokens>) };
    return new WordPieceTokenizer(bertParts(vocab, names, options), { specialTokens: names, random });
  }
}

/** The parts of `BertTokenizerFast`. */
const bertParts = (
  vocab: ReadonlyMap<string, number>,
  names: SpecialTokens,
  { lowercase = true, stripAccents, handleChineseChars = true }: BertTokenizerOptions,
): TokenizerParts => {
  const idOf = (name: string): number => {
    const id = vocab.get(name);
    if (id !== undefined) return id;
    throw new TokenizerError(
      `vocab: expected the special token ${JSON.stringify(name)}, got none of that name; train with it or name yours in specialTokens`,
    );
  };
  const special = (id: string, typeId: number) => ({ SpecialToken: { id, type_id: typeId } });
  const sequence = (id: "A" | "B", typeId: number) => ({ Sequence: { id, type_id: typeId } });
  const { bos, eos } = names;
  const single = [special(bos, 0), sequence("A", 0), special(eos, 0)];
  return {
    model: {
      type: "WordPiece",
      unkToken: names.unk,
      continuingSubwordPrefix: "##",
      maxInputCharsPerWord: 100,
      vocab,
    },
    addedTokens: byId(Object.values(names).map((name: string) => specialToken(idOf(name), name))),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: handleChineseChars,
      strip_accents: stripAccents ?? null,
      lowercase,
    },
    preTokenizer: { type: "BertPreTokenizer" },
    postProcessor: {
      type: "TemplateProcessing",
      single,
      pair: [...single, sequence("B", 1), special(eos, 1)],
      special_tokens: Object.fromEntries(
        [bos, eos].map((name) => [name, { id: name, ids: [idOf(name)], tokens: [name] }]),
      ),
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
  };
};
