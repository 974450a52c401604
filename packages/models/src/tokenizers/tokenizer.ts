import { AddedTokens } from "./added-tokens.ts";
import { AlignedText } from "./aligned-text.ts";
import { padEncodings } from "./batch.ts";
import { readDecoder, type Decoder } from "./decoders.ts";
import type { BatchEncoding, EncodeBatchOptions, EncodeOptions, EncodeWindowsOptions, Encoding } from "./encoding.ts";
import { IdBuffer } from "./id-buffer.ts";
import { isPlainBpe, makeWordModel } from "./make-word-model.ts";
import { readNormalizer } from "./normalizers.ts";
import { readPostProcessor, type PostProcessor, type TemplateItem } from "./post-processors.ts";
import { readPreTokenizer } from "./pre-tokenizers.ts";
import { SpecialRoles, type SpecialTokens } from "./special-tokens.ts";
import { TextPipeline, type Piece } from "./text-pipeline.ts";
import {
  makeTokenizerJson,
  PLACES,
  readTokenizerJson,
  tokenizerFiles,
  type TokenizerFiles,
  type TokenizerJson,
  type TokenizerParts,
} from "./tokenizer-json.ts";
import { TokenizerError } from "./tokenizer-error.ts";
import { collectTokens, literalTokens, tokensById } from "./tokenizer-tables.ts";
import { truncatedLengths } from "./truncate.ts";
import { tokenCount } from "./word-model.ts";

export interface TokenizerOptions {
  /** The tokens with a role, where they have other names than usual. */
  specialTokens?: { readonly [role in keyof SpecialTokens]?: string | undefined } | undefined;
  /** Draws the numbers in [0, 1) for a model with dropout. Default `Math.random`. */
  random?: (() => number) | undefined;
}

/** One text, encoded with nothing around it. */
interface Sequence {
  readonly ids: number[];
  readonly offsets: [number, number][];
  readonly wordIds: number[];
}

/** What is encoded, and what is put around it. */
interface Prepared {
  readonly sequences: readonly Sequence[];
  readonly template: readonly TemplateItem[];
  /** How many of the model's own tokens the template has. */
  readonly addedCount: number;
}

/**
 * A tokenizer of Hugging Face's form: whatever `tokenizer.json` says, of byte-pair encoding, WordPiece or whole words. Added tokens
 * are cut out, a normaliser and pre-tokenisers make pieces, the model makes tokens of each, a post-processor puts the model's own
 * around them; a decoder makes text of tokens. Ids and offsets are those of Hugging Face's `tokenizers`.
 *
 * @example
 * const tokenizer = Tokenizer.fromJSON(readFileSync("tokenizer.json", "utf8"));
 * const { ids, offsets } = tokenizer.encode("Hello world", { maxLength: 40 });
 * tokenizer.decode(ids);
 *
 * Source: <https://huggingface.co/docs/tokenizers>.
 */
export class Tokenizer {
  /** One more than the largest id: the rows of an embedding. */
  readonly vocabSize: number;
  private readonly idsByToken: Map<string, number>;
  private readonly tokens: Map<number, string>;
  private readonly specials: Set<number>;
  /** Tokens that are text as it stands, not bytes in disguise: `é` in one of them is é. */
  private readonly literals: ReadonlySet<number>;
  /** What tokens that were looked for in the normalised text stand for: `É` for é, where text is put into lowercase. */
  private readonly normalised = new Map<number, string>();
  private readonly roles: SpecialRoles;
  private readonly pipeline: TextPipeline;
  private readonly postProcessor: PostProcessor;
  private readonly decoder: Decoder;

  /** @throws {TokenizerError} if two tokens have one id, a merge needs a token that does not exist, or a part is not known */
  constructor(
    protected readonly parts: TokenizerParts,
    { specialTokens, random = Math.random }: TokenizerOptions = {},
  ) {
    this.postProcessor = readPostProcessor(PLACES.postProcessor, parts.postProcessor);
    this.decoder = readDecoder(PLACES.decoder, parts.decoder);
    this.idsByToken = collectTokens(parts, this.postProcessor);
    this.tokens = tokensById(this.idsByToken);
    this.vocabSize = [...this.tokens.keys()].reduce((size, id) => Math.max(size, id + 1), 0);
    this.specials = new Set(parts.addedTokens.filter(({ special }) => special).map(({ id }) => id));
    this.literals = literalTokens(parts);
    this.roles = new SpecialRoles(this.idsByToken, { ...ownRoles(parts), ...withoutUndefined(specialTokens ?? {}) });
    const normalizer = readNormalizer(PLACES.normalizer, parts.normalizer);
    const preTokenizer = readPreTokenizer(PLACES.preTokenizer, parts.preTokenizer);
    const normalize = (content: string): string =>
      normalizer === null ? content : normalizer.apply(AlignedText.plain(content)).text;
    const added = new AddedTokens(parts.addedTokens, normalize);
    for (const { id, content, normalized } of parts.addedTokens)
      if (normalized && !parts.model.vocab.has(content)) this.normalised.set(id, normalize(content));
    this.pipeline = new TextPipeline({
      added,
      normalizer,
      preTokenizer,
      modelTakesBytes: isPlainBpe(parts.model),
      makeModel: (bytes) => makeWordModel(parts.model, { bytes, random, ids: this.idsByToken }),
    });
  }

  /**
   * Reads `tokenizer.json`, as text or parsed.
   *
   * @throws {TokenizerError} naming the place, where the file is damaged or says what is not read here
   */
  static fromJSON(json: unknown, options: TokenizerOptions = {}): Tokenizer {
    return new Tokenizer(readTokenizerJson(json), options);
  }

  /** The id of the token before a text: `<s>`, BERT's `[CLS]`. @throws {TokenizerError} as the others, if there is none */
  get bosTokenId(): number {
    return this.roles.idOf("bos");
  }
  /** The id of the token behind a text: `</s>`, BERT's `[SEP]`. */
  get eosTokenId(): number {
    return this.roles.idOf("eos");
  }
  get padTokenId(): number {
    return this.roles.idOf("pad");
  }
  get unkTokenId(): number {
    return this.roles.idOf("unk");
  }
  get maskTokenId(): number {
    return this.roles.idOf("mask");
  }
  get maskToken(): string {
    return this.roles.nameOf("mask");
  }
  /** The ids of all special tokens. */
  get specialTokenIds(): ReadonlySet<number> {
    return this.specials;
  }

  tokenToId(token: string): number | undefined {
    return this.idsByToken.get(token);
  }

  idToToken(id: number): string | undefined {
    return this.tokens.get(id);
  }

  /** The ids of a text alone, nothing put around it and nothing cut off: the fast way through a corpus. */
  encodeToIds(text: string): Int32Array {
    const out = new IdBuffer(8 + (text.length >> 2));
    this.pipeline.writeIds(text, out);
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
    return this.encodeOnce(text, options, true);
  }

  /**
   * Encodes a text, or a pair, that is too long in parts of `maxLength` ids, each of which repeats the last `stride` ids of the one before:
   * a long text to be asked about. One of a pair is cut, the other is in every part.
   *
   * @param options.truncation which text is cut; default the second of a pair, or the only one
   * @throws {TokenizerError} if `maxLength` leaves no room for more than `stride` ids of the text that is cut
   *
   * @example
   * tokenizer.encodeWindows(question, { pair: article, maxLength: 384, stride: 128 }).map(({ ids }) => ids.length);
   *
   * Source: `return_overflowing_tokens` of
   * {@link https://huggingface.co/docs/transformers/main_classes/tokenizer#transformers.PreTrainedTokenizerFast PreTrainedTokenizerFast}.
   */
  encodeWindows(text: string, options: EncodeWindowsOptions): Encoding[] {
    const { pair, maxLength, stride = 0, truncation = pair === undefined ? "onlyFirst" : "onlySecond" } = options;
    const prepared = this.prepare(text, options, true);
    const cut = truncation === "onlyFirst" ? 0 : 1;
    const { sequences, addedCount } = prepared;
    const lengths = sequences.map(({ ids }) => ids.length);
    const room = maxLength - addedCount - (lengths[1 - cut] ?? 0);
    if (
      !Number.isInteger(stride) ||
      stride < 0 ||
      !Number.isInteger(maxLength) ||
      room <= stride ||
      cut >= lengths.length
    )
      throw new TokenizerError(
        `encodeWindows: expected room for more than stride = ${stride} ids of the ${cut === 0 ? "first" : "second"} text, got ${cut >= lengths.length ? "no such text" : `a maxLength of ${maxLength}, which leaves ${room}`}; raise maxLength or lower stride`,
      );
    const windows: Encoding[] = [];
    for (let first = 0; ; first += room - stride) {
      const count = Math.min(room, lengths[cut]! - first);
      const kept = lengths.map((length, i) => (i === cut ? { first, count } : { first: 0, count: length }));
      windows.push(this.assemble(prepared, kept));
      if (first + count >= lengths[cut]!) return windows;
    }
  }

  private encodeOnce(text: string, options: EncodeOptions, followed: boolean): Encoding {
    const prepared = this.prepare(text, options, followed);
    const { sequences, addedCount } = prepared;
    const lengths = sequences.map(({ ids }) => ids.length);
    const counts = truncatedLengths(lengths[0]!, lengths[1] ?? 0, addedCount, options);
    const atLeft = options.truncationSide === "left";
    const kept = lengths.map((length, i) => ({ first: atLeft ? length - counts[i]! : 0, count: counts[i]! }));
    return this.assemble(prepared, kept);
  }

  private prepare(text: string, { addSpecialTokens = true, pair }: EncodeOptions, followed: boolean): Prepared {
    const sequences = [text, ...(pair === undefined ? [] : [pair])].map((one) => this.sequence(one, followed));
    const template = (pair === undefined ? this.postProcessor.single : this.postProcessor.pair).filter(
      (item) => addSpecialTokens || "sequence" in item,
    );
    const addedCount = template.reduce((count, item) => count + ("ids" in item ? item.ids.length : 0), 0);
    return { sequences, template, addedCount };
  }

  /** Puts the model's tokens around what is kept of each text. */
  private assemble({ sequences, template }: Prepared, kept: readonly { first: number; count: number }[]): Encoding {
    const encoding: Encoding = {
      ids: [],
      tokens: [],
      tokenTypeIds: [],
      attentionMask: [],
      specialTokensMask: [],
      offsets: [],
      wordIds: [],
      sequenceIds: [],
    };
    const put = (id: number, typeId: number, from?: { sequence: 0 | 1; at: number }): void => {
      const source = from && sequences[from.sequence]!;
      encoding.ids.push(id);
      encoding.tokens.push(this.tokens.get(id) ?? "");
      encoding.tokenTypeIds.push(typeId);
      encoding.attentionMask.push(1);
      encoding.specialTokensMask.push(source ? 0 : 1);
      encoding.offsets.push(source?.offsets[from!.at] ?? [0, 0]);
      encoding.wordIds.push(source?.wordIds[from!.at] ?? null);
      encoding.sequenceIds.push(from?.sequence ?? null);
    };
    for (const item of template) {
      if ("ids" in item) {
        for (const id of item.ids) put(id, item.typeId);
        continue;
      }
      const { sequence, typeId } = item;
      const { first, count } = kept[sequence]!;
      for (let at = first; at < first + count; at++) put(sequences[sequence]!.ids[at]!, typeId, { sequence, at });
    }
    return encoding;
  }

  /** A text alone; with offsets where the text is followed. */
  private sequence(text: string, followed: boolean): Sequence {
    if (!followed) return { ids: [...this.encodeToIds(text)], offsets: [], wordIds: [] };
    const ids: number[] = [];
    const offsets: [number, number][] = [];
    const wordIds: number[] = [];
    const { trim } = this.postProcessor;
    let word = 0;
    const put = (id: number, token: string, range: [number, number]): void => {
      offsets.push(trim ? trim({ token, text, index: ids.length }, range) : range);
      ids.push(id);
      wordIds.push(word);
    };
    for (const piece of this.pipeline.pieces(text)) {
      if ("id" in piece) put(piece.id, piece.text.text, piece.text.originalRange(0, piece.text.length));
      else this.putTokens(piece, put);
      word++;
    }
    return { ids, offsets, wordIds };
  }

  private putTokens(
    { text }: Piece & { readonly id?: never },
    put: (id: number, token: string, range: [number, number]) => void,
  ): void {
    const tokens = this.pipeline.tokensOf(text.text);
    const count = tokenCount(tokens);
    for (let i = 0; i < count; i++)
      put(tokens[i]!, this.tokens.get(tokens[i]!)!, text.originalRange(tokens[count + i]!, tokens[2 * count + i]!));
  }

  /**
   * Encodes texts, or pairs of texts, and pads them to one length.
   *
   * Shape: `[texts, length]`.
   *
   * @example
   * const { inputIds, attentionMask, shape } = tokenizer.encodeBatch(["a", "a longer text"], { maxLength: 40 });
   */
  encodeBatch(
    texts: readonly (string | readonly [text: string, pair: string])[],
    options: EncodeBatchOptions = {},
  ): BatchEncoding {
    const encodings = texts.map((text) =>
      typeof text === "string"
        ? this.encodeOnce(text, options, false)
        : this.encodeOnce(text[0], { ...options, pair: text[1] }, false),
    );
    return padEncodings(encodings, options, () => this.padTokenId);
  }

  /**
   * The text of ids. Bytes that are no UTF-8 become U+FFFD, one for each longest part of a character.
   *
   * @param options.skipSpecialTokens leaves out `<s>` and its like. Default true.
   * @throws {TokenizerError} if an id has no token
   */
  decode(
    ids: ArrayLike<number>,
    { skipSpecialTokens = true }: { skipSpecialTokens?: boolean | undefined } = {},
  ): string {
    const tokens = Array.from(ids, (id, i) => {
      const text = this.normalised.get(id) ?? this.tokens.get(id);
      if (text !== undefined) return { id, text, literal: this.literals.has(id) };
      throw new TokenizerError(
        `decode: expected ids in 0 … ${this.vocabSize - 1} that have a token, got ${id} at ${i}; is it another vocabulary's?`,
      );
    });
    const kept = skipSpecialTokens ? tokens.filter(({ id }) => !this.specials.has(id)) : tokens;
    return this.decoder(kept)
      .map(({ text }) => text)
      .join("");
  }

  /** The object that `tokenizer.json` holds. */
  toJSON(): TokenizerJson {
    return makeTokenizerJson(this.parts);
  }

  /** The contents of `tokenizer.json`, and of the files that the kind has beside it, such as `vocab.json` and `merges.txt`. */
  toFiles(): TokenizerFiles {
    return tokenizerFiles(this.parts);
  }
}

const withoutUndefined = <T extends object>(options: T): Partial<T> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;

/** The role that the model itself gives a token. */
const ownRoles = ({ model }: TokenizerParts): { unk?: string } =>
  model.unkToken === null ? {} : { unk: model.unkToken };
