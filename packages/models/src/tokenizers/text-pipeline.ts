import type { AddedTokens, FoundToken } from "./added-tokens.ts";
import { AlignedText } from "./aligned-text.ts";
import type { IdBuffer } from "./id-buffer.ts";
import { nextWordEnd } from "./next-word-end.ts";
import type { NormalizerPart } from "./normalizers.ts";
import type { PreTokenizer, PreTokenizerPart } from "./pre-tokenizers.ts";
import { tokenCount, WordCache, type WordModel, type WordTokens } from "./word-model.ts";

/** A piece of a text for the model, or an added token, which has an id already. */
export type Piece =
  { readonly text: AlignedText; readonly id?: never } | { readonly text: AlignedText; readonly id: number };

export interface TextPipelineParts {
  readonly added: AddedTokens;
  readonly normalizer: NormalizerPart | null;
  readonly preTokenizer: PreTokenizerPart | null;
  /** @param bytes whether pieces come as text instead of in GPT-2's alphabet */
  readonly makeModel: (bytes: boolean) => WordModel;
  /** Whether the model takes text where the pre-tokeniser would write its bytes in GPT-2's alphabet. */
  readonly modelTakesBytes: boolean;
}

const whole: PreTokenizer = (text) => (text.length === 0 ? [] : [text]);

/** White space of ASCII, at which a text is cut when what lies between is all that counts. */
const isAsciiSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x09 || code === 0x0d;

/**
 * A text's way to tokens. `pieces` is the way as `tokenizer.json` describes it; `writeIds` gives the same ids and goes round it
 * where the parts allow: GPT-2's words are read off the text as it stands, and where white space separates all, words are looked up
 * before they are normalised.
 */
export class TextPipeline {
  private readonly model: WordModel;
  private readonly tokens: WordCache | null;
  private readonly preTokenize: PreTokenizer;
  /** The ids of a stretch between spaces, as they came out of the long way. */
  private readonly stretches: WordCache | null;
  private readonly gpt2: PreTokenizerPart["gpt2"];

  constructor(private readonly parts: TextPipelineParts) {
    const { added, normalizer, preTokenizer, makeModel, modelTakesBytes } = parts;
    const bytes = modelTakesBytes && preTokenizer?.beforeBytes !== undefined;
    this.model = makeModel(bytes);
    this.preTokenize = (bytes ? preTokenizer?.beforeBytes : preTokenizer?.split) ?? whole;
    this.tokens = this.model.isRandom ? null : new WordCache((text, start, end) => this.model.encode(text, start, end));
    this.gpt2 = bytes && normalizer === null && this.tokens !== null ? preTokenizer?.gpt2 : undefined;
    const bySpaces = (normalizer?.bySpaces ?? true) && (preTokenizer?.bySpaces ?? false);
    this.stretches =
      bySpaces && !added.haveNormalised && !this.model.isRandom
        ? new WordCache((text, start, end) => this.encodeStretch(text.slice(start, end)))
        : null;
  }

  /** What the model makes of a piece. */
  tokensOf(piece: string): WordTokens {
    return this.tokens?.get(piece, 0, piece.length) ?? this.model.encode(piece, 0, piece.length);
  }

  /** The pieces of a text and its added tokens, in order; each knows where it came from. */
  pieces(text: string): Piece[] {
    const out: Piece[] = [];
    cut(AlignedText.followed(text), this.parts.added.inText(text), out, (part) => this.normalised(part, out));
    return out;
  }

  /** The same for a part without added tokens of the first kind. */
  private normalised(part: AlignedText, out: Piece[]): void {
    const { added, normalizer } = this.parts;
    const text = normalizer === null ? part : normalizer.apply(part);
    cut(text, added.inNormalised(text.text), out, (rest) => {
      for (const piece of this.preTokenize(rest)) out.push({ text: piece });
    });
  }

  /** Appends the ids of a text. */
  writeIds(text: string, out: IdBuffer): void {
    let done = 0;
    for (const { id, start, end } of this.parts.added.inText(text)) {
      this.writePart(text, done, start, out);
      out.push(id);
      done = end;
    }
    this.writePart(text, done, text.length, out);
  }

  private writePart(text: string, start: number, end: number, out: IdBuffer): void {
    if (start >= end) return;
    const { added } = this.parts;
    if (this.stretches) this.writeStretches(this.stretches, text, start, end, out);
    else if (this.gpt2 && !added.haveNormalised) this.writeWords(text, start, end, out);
    else {
      const pieces: Piece[] = [];
      // Metaspace asks whether a part is the first of its text.
      this.normalised(AlignedText.plain(text.slice(start, end), start), pieces);
      for (const { id, text: piece } of pieces) {
        if (id !== undefined) out.push(id);
        else appendIds(out, this.tokensOf(piece.text));
      }
    }
  }

  private writeWords(text: string, start: number, end: number, out: IdBuffer): void {
    if (this.gpt2!.addPrefixSpace && text.charCodeAt(start) !== 0x20) {
      const prefixed = ` ${text.slice(start, end)}`;
      this.writeGpt2(prefixed, 0, prefixed.length, out);
    } else this.writeGpt2(text, start, end, out);
  }

  private writeGpt2(text: string, start: number, end: number, out: IdBuffer): void {
    const tokens = this.tokens!;
    for (let at = start; at < end;) {
      const stop = nextWordEnd(text, at, end);
      appendIds(out, tokens.get(text, at, stop));
      at = stop;
    }
  }

  private writeStretches(cache: WordCache, text: string, start: number, end: number, out: IdBuffer): void {
    for (let at = start; at < end;) {
      if (isAsciiSpace(text.charCodeAt(at))) {
        at++;
        continue;
      }
      let stop = at + 1;
      while (stop < end && !isAsciiSpace(text.charCodeAt(stop))) stop++;
      appendIds(out, cache.get(text, at, stop));
      at = stop;
    }
  }

  /** A stretch by the long way. Its places are not asked for. */
  private encodeStretch(text: string): WordTokens {
    const pieces: Piece[] = [];
    this.normalised(AlignedText.plain(text), pieces);
    const ids = pieces.flatMap(({ text: piece }) => {
      const tokens = this.tokensOf(piece.text);
      return [...tokens.subarray(0, tokenCount(tokens))];
    });
    const out = new Int32Array(3 * ids.length);
    out.set(ids);
    return out;
  }
}

const appendIds = (out: IdBuffer, tokens: WordTokens): void => {
  if (tokens.length === 3) out.push(tokens[0]!);
  else out.append(tokens, tokenCount(tokens));
};

/** Cuts a text at what was found in it; what is between goes on, without what is empty. */
const cut = (
  text: AlignedText,
  found: readonly FoundToken[],
  out: Piece[],
  between: (part: AlignedText) => void,
): void => {
  let done = 0;
  for (const { id, start, end } of found) {
    if (start > done) between(text.slice(done, start));
    out.push({ text: text.slice(start, end), id });
    done = end;
  }
  if (done < text.length) between(text.slice(done, text.length));
};
