import { excerpt } from "@tessera/tensor/files";
import { AddedTokens } from "./added-tokens.ts";
import { BpeEncoder } from "./bpe-encoder.ts";
import { byteToChar, tokenBytes } from "./byte-alphabet.ts";
import type { BatchEncoding, EncodeBatchOptions, EncodeOptions, Encoding } from "./encoding.ts";
import { IdBuffer } from "./id-buffer.ts";
import { ROBERTA_SPECIAL_TOKENS, robertaParts, type SpecialTokens } from "./roberta-parts.ts";
import {
  makeTokenizerJson,
  parseJson,
  readMergesText,
  readTokenizerJson,
  readVocab,
  tokenizerFiles,
  type TokenizerJson,
  type TokenizerParts,
} from "./tokenizer-json.ts";
import { TokenizerError } from "./tokenizer-error.ts";
import { collectTokens, literalTokens, rankMerges, tokensInOrder } from "./tokenizer-tables.ts";
import { truncatedLengths } from "./truncate.ts";

const utf8Bytes = new TextEncoder();

export interface TokenizerOptions {
  /** Names other than RoBERTa's. */
  specialTokens?: Partial<SpecialTokens>;
}

export interface RobertaTokenizerOptions extends TokenizerOptions {
  /** Puts a space before a text that has none, so that its first word looks like any other. Default false. */
  addPrefixSpace?: boolean;
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
export class ByteLevelBpeTokenizer {
  /** How many tokens there are: the rows of the embedding. */
  readonly vocabSize: number;
  private readonly idsByToken: Map<string, number>;
  private readonly tokensById: string[];
  private readonly bytesById: (Uint8Array | undefined)[] = [];
  private readonly specials: Set<number>;
  /** Tokens that are text as it stands, not bytes in disguise: `é` in one of them is é. */
  private readonly literals: ReadonlySet<number>;
  private readonly names: SpecialTokens;
  private readonly added: AddedTokens;
  private readonly encoder: BpeEncoder;
  private readonly utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

  /** @throws {TokenizerError} if ids are not 0 … n − 1, or a merge needs a token that does not exist */
  constructor(
    private readonly parts: TokenizerParts,
    { specialTokens = {} }: TokenizerOptions = {},
  ) {
    this.names = { ...ROBERTA_SPECIAL_TOKENS, ...specialTokens };
    this.idsByToken = collectTokens(parts);
    this.vocabSize = this.idsByToken.size;
    this.tokensById = tokensInOrder(this.idsByToken);
    this.specials = new Set(parts.addedTokens.filter(({ special }) => special).map(({ id }) => id));
    this.literals = literalTokens(parts);
    this.added = new AddedTokens(parts.addedTokens);
    this.encoder = new BpeEncoder({
      byteIds: Int32Array.from(byteToChar, (char) => parts.vocab.get(char) ?? -1),
      merges: rankMerges(parts),
      unkTokenId: parts.unkToken === null ? undefined : this.idOf("unk", parts.unkToken),
    });
  }

  /**
   * Reads `tokenizer.json`, as text or parsed.
   *
   * @throws {TokenizerError} naming the place, where the file is damaged or not a byte-level BPE
   */
  static fromJSON(json: unknown, options: TokenizerOptions = {}): ByteLevelBpeTokenizer {
    return new ByteLevelBpeTokenizer(readTokenizerJson(json), options);
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
    { vocab, merges }: Pick<TokenizerParts, "vocab" | "merges">,
    { specialTokens = {}, addPrefixSpace = false }: RobertaTokenizerOptions = {},
  ): ByteLevelBpeTokenizer {
    const names = { ...ROBERTA_SPECIAL_TOKENS, ...specialTokens };
    return new ByteLevelBpeTokenizer(robertaParts(vocab, merges, names, addPrefixSpace), { specialTokens });
  }

  get bosTokenId(): number {
    return this.idOf("bos", this.names.bos);
  }
  get eosTokenId(): number {
    return this.idOf("eos", this.names.eos);
  }
  get padTokenId(): number {
    return this.idOf("pad", this.names.pad);
  }
  get unkTokenId(): number {
    return this.idOf("unk", this.names.unk);
  }
  get maskTokenId(): number {
    return this.idOf("mask", this.names.mask);
  }
  get maskToken(): string {
    return this.names.mask;
  }
  /** The ids of all special tokens. */
  get specialTokenIds(): ReadonlySet<number> {
    return this.specials;
  }

  tokenToId(token: string): number | undefined {
    return this.idsByToken.get(token);
  }

  idToToken(id: number): string | undefined {
    return this.tokensById[id];
  }

  /** The ids of a text alone, nothing put around it and nothing cut off: the fast way through a corpus. */
  encodeToIds(text: string): Int32Array {
    const out = new IdBuffer(8 + (text.length >> 2));
    this.added.split(text, {
      text: (part, start, end) => {
        if (this.parts.preTokenizer.add_prefix_space && part.charCodeAt(start) !== 0x20) {
          const prefixed = ` ${part.slice(start, end)}`;
          this.encoder.encode(prefixed, 0, prefixed.length, out);
        } else {
          this.encoder.encode(part, start, end, out);
        }
      },
      token: (id) => out.push(id),
    });
    return out.slice();
  }

  /**
   * Encodes a text, or a pair of texts.
   *
   * @throws {TokenizerError} if `maxLength` leaves no room for the special tokens
   *
   * @example
   * tokenizer.encode("Hello world", { maxLength: 40 }).tokens; // ["<s>", "Hello", "Ġworld", "</s>"]
   */
  encode(text: string, options: EncodeOptions = {}): Encoding {
    const { addSpecialTokens = true, pair } = options;
    const around =
      addSpecialTokens && this.parts.postProcessor?.type === "RobertaProcessing" ? this.parts.postProcessor : undefined;
    const first = this.encodeToIds(text);
    const second = pair === undefined ? undefined : this.encodeToIds(pair);
    const addedCount = around === undefined ? 0 : second === undefined ? 2 : 4;
    const [firstLength, secondLength] = truncatedLengths(first.length, second?.length ?? 0, addedCount, options);
    const ids: number[] = [];
    const specialTokensMask: number[] = [];
    const put = (id: number, special: number): void => {
      ids.push(id);
      specialTokensMask.push(special);
    };
    if (around) put(around.cls[1], 1);
    for (let i = 0; i < firstLength; i++) put(first[i]!, 0);
    if (around) put(around.sep[1], 1);
    if (second) {
      if (around) put(around.sep[1], 1);
      for (let i = 0; i < secondLength; i++) put(second[i]!, 0);
      if (around) put(around.sep[1], 1);
    }
    return {
      ids,
      tokens: ids.map((id) => this.tokensById[id]!),
      attentionMask: new Array<number>(ids.length).fill(1),
      specialTokensMask,
    };
  }

  /**
   * Encodes texts, or pairs of texts, and pads them on the right to one length.
   *
   * Shape: `[texts, length]`.
   *
   * @example
   * const { inputIds, attentionMask, shape } = tokenizer.encodeBatch(["a", "a longer text"], { maxLength: 40 });
   */
  encodeBatch(
    texts: readonly (string | readonly [text: string, pair: string])[],
    { padding = "longest", padToMultipleOf = 1, ...options }: EncodeBatchOptions = {},
  ): BatchEncoding {
    const encodings = texts.map((text) =>
      typeof text === "string" ? this.encode(text, options) : this.encode(text[0], { ...options, pair: text[1] }),
    );
    const longest = encodings.reduce((length, { ids }) => Math.max(length, ids.length), 0);
    if (!Number.isInteger(padToMultipleOf) || padToMultipleOf < 1) {
      throw new TokenizerError(
        `encodeBatch: expected padToMultipleOf ≥ 1, got ${padToMultipleOf}; pass a whole number`,
      );
    }
    if (padding === "maxLength" && (options.maxLength === undefined || longest > options.maxLength)) {
      throw new TokenizerError(
        `encodeBatch: expected a maxLength ≥ ${longest} to pad to, got ${options.maxLength}; set maxLength or use padding: "longest"`,
      );
    }
    const wanted = padding === "maxLength" ? options.maxLength! : longest;
    const length = Math.ceil(wanted / padToMultipleOf) * padToMultipleOf;
    const inputIds = new Int32Array(encodings.length * length);
    const attentionMask = new Int32Array(encodings.length * length);
    encodings.forEach(({ ids }, row) => {
      inputIds.set(ids, row * length);
      attentionMask.fill(1, row * length, row * length + ids.length);
      if (ids.length < length) inputIds.fill(this.padTokenId, row * length + ids.length, (row + 1) * length);
    });
    return { inputIds, attentionMask, shape: [encodings.length, length] };
  }

  /**
   * The text of ids. Bytes that are no UTF-8 become U+FFFD, one for each longest part of a character.
   *
   * @param options.skipSpecialTokens leaves out `<s>` and its like. Default true.
   * @throws {TokenizerError} if an id has no token
   */
  decode(ids: ArrayLike<number>, { skipSpecialTokens = true }: { skipSpecialTokens?: boolean } = {}): string {
    const parts: Uint8Array[] = [];
    let size = 0;
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      const token = this.tokensById[id];
      if (token === undefined) {
        throw new TokenizerError(
          `decode: expected ids in 0 … ${this.vocabSize - 1}, got ${id} at ${i}; is it another vocabulary's?`,
        );
      }
      if (skipSpecialTokens && this.specials.has(id)) continue;
      const bytes = (this.bytesById[id] ??= this.literals.has(id) ? utf8Bytes.encode(token) : tokenBytes(token));
      parts.push(bytes);
      size += bytes.length;
    }
    const joined = new Uint8Array(size);
    let at = 0;
    for (const bytes of parts) {
      joined.set(bytes, at);
      at += bytes.length;
    }
    return this.utf8.decode(joined);
  }

  /** The object that `tokenizer.json` holds. */
  toJSON(): TokenizerJson {
    return makeTokenizerJson(this.parts);
  }

  /** The contents of `tokenizer.json`, `vocab.json` and `merges.txt`. */
  toFiles(): Record<"tokenizer.json" | "vocab.json" | "merges.txt", string> {
    return tokenizerFiles(this.parts);
  }

  private idOf(role: keyof SpecialTokens, token: string): number {
    const id = this.idsByToken.get(token);
    if (id !== undefined) return id;
    throw new TokenizerError(
      `tokenizer: expected ${role === "eos" || role === "unk" ? "an" : "a"} ${role} token ${excerpt(token)}, got a vocabulary without it; name yours in specialTokens`,
    );
  }
}
