import { byteToChar, writeUtf8 } from "./byte-alphabet.ts";
import type { IdBuffer } from "./id-buffer.ts";
import { mergeSymbols, type MergeTable } from "./merge-symbols.ts";
import { nextWordEnd } from "./next-word-end.ts";
import { ownString } from "./own-string.ts";
import { TokenizerError } from "./tokenizer-error.ts";

/** Text repeats its words: with them remembered, most words cost one look-up. Longer ones are rare and not worth a place. */
const CACHED_WORDS = 1 << 16;
const CACHED_WORD_LENGTH = 48;

export interface BpeEncoderOptions {
  /** The id of each byte, −1 where the vocabulary has none. */
  byteIds: Int32Array;
  merges: MergeTable;
  /** What a byte without a token becomes; without it such a byte is an error. */
  unkTokenId?: number | undefined;
}

/** Turns text without added tokens into ids: GPT-2's words, their UTF-8 bytes, merges. */
export class BpeEncoder {
  private readonly cache = new Map<string, Int32Array>();
  private bytes = new Uint8Array(256);
  private symbols = new Int32Array(256);

  constructor(private readonly options: BpeEncoderOptions) {}

  /** Appends the ids of `text[start, end)` to `out`. */
  encode(text: string, start: number, end: number, out: IdBuffer): void {
    const { cache } = this;
    for (let at = start; at < end;) {
      const stop = nextWordEnd(text, at, end);
      if (stop - at > CACHED_WORD_LENGTH) {
        out.append(this.encodeWord(text, at, stop));
      } else {
        const word = text.slice(at, stop);
        let ids = cache.get(word);
        if (ids === undefined) {
          ids = this.encodeWord(text, at, stop).slice();
          if (cache.size >= CACHED_WORDS) cache.clear();
          cache.set(ownString(text, at, stop), ids);
        }
        if (ids.length === 1) out.push(ids[0]!);
        else out.append(ids);
      }
      at = stop;
    }
  }

  /** The ids of one word, in memory that the next call overwrites. */
  private encodeWord(text: string, start: number, end: number): Int32Array {
    const room = 3 * (end - start);
    if (room > this.bytes.length) {
      this.bytes = new Uint8Array(room);
      this.symbols = new Int32Array(room);
    }
    const { bytes, symbols } = this;
    const count = writeUtf8(text, start, end, bytes);
    const { byteIds, merges, unkTokenId } = this.options;
    for (let i = 0; i < count; i++) {
      const id = byteIds[bytes[i]!]!;
      symbols[i] = id >= 0 ? id : (unkTokenId ?? refuseByte(bytes[i]!));
    }
    return symbols.subarray(0, mergeSymbols(symbols, count, merges));
  }
}

const refuseByte = (byte: number): never => {
  throw new TokenizerError(
    `encode: byte ${byte} (${JSON.stringify(byteToChar[byte])}) has no token in the vocabulary and the model has no ` +
      `unk_token; train with the full byte alphabet`,
  );
};
