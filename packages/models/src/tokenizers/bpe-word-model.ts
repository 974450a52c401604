import { byteToChar, writeUtf8 } from "./byte-alphabet.ts";
import { mergeSymbols, mergeSymbolsWithDropout, type MergeTable } from "./merge-symbols.ts";
import type { WordModel, WordTokens } from "./word-model.ts";
import { TokenizerError } from "./tokenizer-error.ts";

export interface BpeWordModelOptions {
  readonly vocab: ReadonlyMap<string, number>;
  readonly merges: MergeTable;
  /** What a character without a token becomes; without it such a character is an error. */
  readonly unkTokenId?: number | undefined;
  /** Whether a run of them becomes one. */
  readonly fuseUnk: boolean;
  /** Whether a character without a token becomes its bytes, `<0xE2>` and so on, where the vocabulary has them all. */
  readonly byteFallback: boolean;
  /** Whether a piece that is a token as it stands needs no merges to be one. */
  readonly ignoreMerges: boolean;
  /** Written before each symbol but the first of a piece. */
  readonly continuingSubwordPrefix: string;
  /** Written behind the last symbol of a piece. */
  readonly endOfWordSuffix: string;
  /** The probability that a merge is passed over. */
  readonly dropout: number;
  /** Draws the numbers for dropout, in [0, 1). */
  readonly random: () => number;
  /** Whether symbols are the UTF-8 bytes of a piece in GPT-2's alphabet, instead of its characters. */
  readonly bytes: boolean;
}

const NONE: WordTokens = new Int32Array();

/** The id of a character that waits for more like it, and how many bytes they have. */
interface Unknown {
  id: number;
  length: number;
}

/**
 * Byte-pair encoding of one piece after another: symbols, joined by the rank of their pairs.
 *
 * Source: Sennrich et al. 2016, <https://arxiv.org/abs/1508.07909>.
 */
export class BpeWordModel implements WordModel {
  readonly isRandom: boolean;
  private readonly byteIds: Int32Array;
  private readonly fallbackIds: Int32Array | null;
  private bytes = new Uint8Array(256);
  private symbols = new Int32Array(256);
  private lengths = new Int32Array(256);
  private count = 0;

  constructor(private readonly options: BpeWordModelOptions) {
    const { vocab, byteFallback, dropout } = options;
    this.isRandom = dropout > 0;
    this.byteIds = Int32Array.from(byteToChar, (char) => vocab.get(char) ?? -1);
    const code = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
    this.fallbackIds = byteFallback ? Int32Array.from({ length: 256 }, (_, byte) => vocab.get(code(byte)) ?? -1) : null;
  }

  encode(text: string, start: number, end: number): WordTokens {
    if (start >= end) return NONE;
    const { options } = this;
    const room = 3 * (end - start);
    if (room > this.bytes.length) {
      this.bytes = new Uint8Array(room);
      this.symbols = new Int32Array(room);
      this.lengths = new Int32Array(room);
    }
    const size = writeUtf8(text, start, end, this.bytes);
    this.count = 0;
    const whole = options.ignoreMerges ? options.vocab.get(this.written(text.slice(start, end), size)) : undefined;
    if (whole !== undefined) return Int32Array.of(whole, 0, end - start);
    if (options.bytes) this.readBytes(size);
    else this.readChars(text, start, end);
    const { symbols, lengths, count } = this;
    const drops = (): boolean => options.random() < options.dropout;
    this.count = this.isRandom
      ? mergeSymbolsWithDropout(symbols, count, options.merges, { lengths, drops })
      : mergeSymbols(symbols, count, options.merges, lengths);
    return this.result(text, start, end, size);
  }

  /** A piece as the vocabulary would write it. */
  private written(piece: string, size: number): string {
    if (!this.options.bytes) return piece;
    let out = "";
    for (let i = 0; i < size; i++) out += byteToChar[this.bytes[i]!]!;
    return out;
  }

  private push(id: number, length: number): void {
    this.symbols[this.count] = id;
    this.lengths[this.count++] = length;
  }

  private readBytes(size: number): void {
    const { byteIds, bytes } = this;
    const { unkTokenId, fuseUnk } = this.options;
    let unknown = false;
    for (let i = 0; i < size; i++) {
      const id = byteIds[bytes[i]!]!;
      if (id < 0 && unkTokenId === undefined) refuseByte(bytes[i]!);
      if (id < 0 && unknown && fuseUnk) this.lengths[this.count - 1]!++;
      else this.push(id < 0 ? unkTokenId! : id, 1);
      unknown = id < 0;
    }
  }

  private readChars(text: string, start: number, end: number): void {
    const { vocab, continuingSubwordPrefix, endOfWordSuffix, fuseUnk } = this.options;
    let unknown: Unknown | null = null;
    const flush = (): void => {
      if (unknown) this.push(unknown.id, unknown.length);
      unknown = null;
    };
    for (let at = start, byte = 0; at < end;) {
      const code = text.codePointAt(at)!;
      const next = at + (code > 0xffff && at + 1 < end ? 2 : 1);
      const length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
      const prefix = at > start ? continuingSubwordPrefix : "";
      const suffix = next >= end ? endOfWordSuffix : "";
      const char = text.slice(at, next);
      const id = vocab.get(prefix + char + suffix);
      if (id !== undefined) {
        flush();
        this.push(id, length);
      } else if (!this.pushFallback(byte, length, prefix + suffix === "")) {
        const unkTokenId: number = this.options.unkTokenId ?? refuseChar(char);
        const before = unknown;
        if (before && fuseUnk) before.length += length;
        else {
          flush();
          unknown = { id: unkTokenId, length };
        }
      }
      at = next;
      byte += length;
    }
    // One that still waits comes last, also behind bytes that stood after it: Hugging Face's tokenizers do the same.
    flush();
  }

  /** A character as the tokens of its bytes, if there are all of them. */
  private pushFallback(byte: number, length: number, isPlain: boolean): boolean {
    const { fallbackIds, bytes } = this;
    if (fallbackIds === null || !isPlain) return false;
    for (let i = byte; i < byte + length; i++) if (fallbackIds[bytes[i]!]! < 0) return false;
    for (let i = byte; i < byte + length; i++) this.push(fallbackIds[bytes[i]!]!, 1);
    return true;
  }

  private result(text: string, start: number, end: number, size: number): WordTokens {
    const { symbols, lengths, count } = this;
    const out = new Int32Array(3 * count);
    out.set(symbols.subarray(0, count));
    const units = size === end - start ? null : unitsOfBytes(text, start, end, size);
    let byte = 0;
    for (let i = 0; i < count; i++) {
      const last = byte + lengths[i]! - 1;
      out[count + i] = units === null ? byte : units[2 * byte]!;
      out[2 * count + i] = units === null ? last + 1 : units[2 * last + 1]!;
      byte = last + 1;
    }
    return out;
  }
}

/** For each byte the first unit of its character, and the unit behind it. */
const unitsOfBytes = (text: string, start: number, end: number, size: number): Int32Array => {
  const units = new Int32Array(2 * size);
  let byte = 0;
  for (let at = start; at < end;) {
    const code = text.codePointAt(at)!;
    const next = at + (code > 0xffff && at + 1 < end ? 2 : 1);
    const length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (let i = 0; i < length; i++) {
      units[2 * byte] = at - start;
      units[2 * byte++ + 1] = next - start;
    }
    at = next;
  }
  return units;
};

const refuseByte = (byte: number): never => {
  throw new TokenizerError(
    `encode: byte ${byte} (${JSON.stringify(byteToChar[byte])}) has no token in the vocabulary and the model has no ` +
      `unk_token; train with the full byte alphabet`,
  );
};

const refuseChar = (char: string): never => {
  throw new TokenizerError(
    `encode: expected characters of the vocabulary, got ${JSON.stringify(char)} and a model without unk_token; train on text that has it, or with unkToken`,
  );
};
