/** A character of a text that is written anew. */
export interface Change {
  char: string;
  /** 0: takes the place of the next character; > 0: is inserted; −n: takes the place of the next and n more that go. */
  change: number;
}

const ASCII = /^[\0-\x7f]*$/;

/** One code point at `at`, or a lone surrogate. */
export const codePointLength = (text: string, at: number): number => {
  const high = text.charCodeAt(at);
  if (high < 0xd800 || high > 0xdbff || at + 1 >= text.length) return 1;
  const low = text.charCodeAt(at + 1);
  return low >= 0xdc00 && low <= 0xdfff ? 2 : 1;
};

/**
 * A text on its way through normalisers and pre-tokenisers. Where it is followed, each of its UTF-16 units knows the part of the
 * original text that it came from, so that tokens have offsets; where it is not, it is a string and costs no more. Values do
 * not change: each step gives a new one.
 *
 * Source: `NormalizedString` of Hugging Face's tokenizers, whose rules the alignments follow.
 */
export class AlignedText {
  private constructor(
    readonly text: string,
    /** Where the part of the original text that it came from begins. */
    readonly origin: number,
    private readonly starts: Int32Array | null,
    private readonly ends: Int32Array | null,
  ) {}

  /** A text that is not followed. */
  static plain(text: string, origin = 0): AlignedText {
    return new AlignedText(text, origin, null, null);
  }

  /** A text whose characters begin at `origin` of the original. */
  static followed(text: string, origin = 0): AlignedText {
    const starts = new Int32Array(text.length);
    const ends = new Int32Array(text.length);
    for (let at = 0; at < text.length;) {
      const length = codePointLength(text, at);
      starts.fill(origin + at, at, at + length);
      ends.fill(origin + at + length, at, at + length);
      at += length;
    }
    return new AlignedText(text, origin, starts, ends);
  }

  get length(): number {
    return this.text.length;
  }

  /** Where units `[start, end)` came from, in UTF-16 units of the original. */
  originalRange(start: number, end: number): [start: number, end: number] {
    if (this.starts === null || this.ends === null || start >= end) return [this.origin, this.origin];
    return [this.starts[start]!, this.ends[end - 1]!];
  }

  slice(start: number, end: number): AlignedText {
    if (start === 0 && end === this.text.length) return this;
    const text = this.text.slice(start, end);
    if (this.starts === null || this.ends === null) return new AlignedText(text, this.origin + start, null, null);
    const origin = start < end ? this.starts[start]! : this.origin;
    return new AlignedText(text, origin, this.starts.subarray(start, end), this.ends.subarray(start, end));
  }

  /**
   * The text written anew, character by character. A character that takes another's place has its alignment; an inserted one has
   * that of the character before it.
   *
   * @param from how many units at the beginning go
   */
  transform(changes: Iterable<Change>, from = 0): AlignedText {
    const { text, starts: oldStarts, ends: oldEnds } = this;
    if (oldStarts === null || oldEnds === null) {
      let out = "";
      for (const { char } of changes) out += char;
      return new AlignedText(out, this.origin, null, null);
    }
    const starts: number[] = [];
    const ends: number[] = [];
    let out = "";
    let at = from;
    for (const { char, change } of changes) {
      const source = change > 0 ? at - 1 : at;
      const start = source < 0 ? this.origin : (oldStarts[source] ?? this.origin);
      const end = source < 0 ? this.origin : (oldEnds[source] ?? this.origin);
      for (let i = 0; i < char.length; i++) {
        starts.push(start);
        ends.push(end);
      }
      out += char;
      for (let skip = change > 0 ? 0 : 1 - change; skip > 0 && at < text.length; skip--)
        at += codePointLength(text, at);
    }
    return new AlignedText(out, this.origin, Int32Array.from(starts), Int32Array.from(ends));
  }

  /** Each character replaced by none, one or several. */
  map(replace: (char: string) => string): AlignedText {
    if (this.starts === null) {
      let out = "";
      for (const char of this.text) out += replace(char);
      return new AlignedText(out, this.origin, null, null);
    }
    const changes: Change[] = [];
    for (const char of this.text) {
      let change = 0;
      for (const part of replace(char)) changes.push({ char: part, change: change++ > 0 ? 1 : 0 });
    }
    return this.transform(changes);
  }

  /** Only the characters that are kept. */
  filter(keep: (code: number) => boolean): AlignedText {
    if (this.starts === null) {
      let out = "";
      for (const char of this.text) if (keep(char.codePointAt(0)!)) out += char;
      return new AlignedText(out, this.origin, null, null);
    }
    const changes: Change[] = [];
    let from = 0;
    let removed = 0;
    let removedLength = 0;
    for (const char of this.text) {
      if (!keep(char.codePointAt(0)!)) {
        removed++;
        removedLength += char.length;
        continue;
      }
      const last = changes.at(-1);
      if (last) last.change = -removed;
      else from = removedLength;
      changes.push({ char, change: 0 });
      removed = 0;
      removedLength = 0;
    }
    const last = changes.at(-1);
    if (last) last.change = -removed;
    return this.transform(changes, from);
  }

  /** Puts characters before a text that has any. They share the alignment of its first. */
  prepend(prefix: string): AlignedText {
    if (this.text === "") return this;
    if (this.starts === null || this.ends === null) return new AlignedText(prefix + this.text, this.origin, null, null);
    const first = codePointLength(this.text, 0);
    const changes: Change[] = [...prefix].map((char, i) => ({ char, change: i > 0 ? 1 : 0 }));
    const head = this.slice(0, first).transform([...changes, { char: this.text.slice(0, first), change: 1 }]);
    return head.concat(this, first);
  }

  /** Every range replaced by a text, whose characters have the alignment of the last one that goes. */
  replace(ranges: Iterable<readonly [start: number, end: number]>, content: string): AlignedText {
    const { starts: oldStarts, ends: oldEnds, origin } = this;
    const starts: number[] = [];
    const ends: number[] = [];
    let text = "";
    let done = 0;
    const copy = (start: number, end: number): void => {
      text += this.text.slice(start, end);
      if (oldStarts === null || oldEnds === null) return;
      for (let i = start; i < end; i++) {
        starts.push(oldStarts[i]!);
        ends.push(oldEnds[i]!);
      }
    };
    for (const [start, end] of ranges) {
      copy(done, start);
      text += content;
      for (let i = 0; oldStarts !== null && oldEnds !== null && i < content.length; i++) {
        starts.push(end > 0 ? oldStarts[end - 1]! : origin);
        ends.push(end > 0 ? oldEnds[end - 1]! : origin);
      }
      done = end;
    }
    copy(done, this.text.length);
    if (oldStarts === null) return new AlignedText(text, origin, null, null);
    return new AlignedText(text, origin, Int32Array.from(starts), Int32Array.from(ends));
  }

  /** One of Unicode's normal forms. */
  normalize(form: "NFC" | "NFD" | "NFKC" | "NFKD"): AlignedText {
    if (ASCII.test(this.text)) return this;
    if (this.starts === null) return new AlignedText(this.text.normalize(form), this.origin, null, null);
    const decomposed = decompose(this.text, form === "NFC" || form === "NFD" ? "NFD" : "NFKD");
    return this.transform(form === "NFD" || form === "NFKD" ? decomposed : compose(decomposed));
  }

  /** Lowercase of each character alone: Σ at the end of a word is σ. */
  lowercase(): AlignedText {
    if (this.starts === null && !this.text.includes("Σ"))
      return new AlignedText(this.text.toLowerCase(), this.origin, null, null);
    return this.map((char) => char.toLowerCase());
  }

  private concat(rest: AlignedText, from: number): AlignedText {
    const count = this.text.length + rest.text.length - from;
    const starts = new Int32Array(count);
    const ends = new Int32Array(count);
    starts.set(this.starts!);
    ends.set(this.ends!);
    starts.set(rest.starts!.subarray(from), this.text.length);
    ends.set(rest.ends!.subarray(from), this.text.length);
    return new AlignedText(this.text + rest.text.slice(from), rest.origin, starts, ends);
  }
}

/** Whether a mark goes behind its follower: the engine's own order of combining classes, asked of two characters. */
const swaps = (first: string, second: string): boolean =>
  first !== second && (first + second).normalize("NFD") === second + first;

/** The full decomposition, in canonical order; each character knows whether it took the place of one. */
const decompose = (text: string, form: "NFD" | "NFKD"): Change[] => {
  const out: Change[] = [];
  for (const char of text) {
    let change = 0;
    for (const part of char.normalize(form)) {
      let at = out.length;
      const item = { char: part, change: change++ > 0 ? 1 : 0 };
      while (part > "\u02ff" && at > 0 && swaps(out[at - 1]!.char, part)) at--;
      out.splice(at, 0, item);
    }
  }
  return out;
};

const isOne = (text: string): boolean => text.length === 1 || (text.length === 2 && codePointLength(text, 0) === 2);

/** Canonical composition: a starter takes up what follows it and is not blocked. */
const compose = (decomposed: readonly Change[]): Change[] => {
  const out: Change[] = [];
  /** Where the last starter is, and what stands between it and the next character. */
  let starter = -1;
  for (const item of decomposed) {
    const last = out.at(-1);
    const joined = starter < 0 ? "" : (out[starter]!.char + item.char).normalize("NFC");
    const adjacent = starter === out.length - 1;
    // Behind a mark only a mark of a higher class reaches the starter: exactly when the two are in order and would not be reversed.
    const reaches = adjacent || (last !== undefined && isBehind(last.char, item.char));
    if (starter >= 0 && reaches && isOne(joined) && joined !== out[starter]!.char) {
      out[starter] = { char: joined, change: out[starter]!.change + item.change - 1 };
      continue;
    }
    out.push({ ...item });
    if (isStarter(item.char)) starter = out.length - 1;
  }
  return out;
};

/** U+0334 has combining class 1 and U+0345 class 240: a mark stands between them, a starter does not move. */
const isStarter = (char: string): boolean =>
  char < "\u0300" || (!swaps(char, "\u0334") && !swaps("\u0345", char) && char !== "\u0334" && char !== "\u0345");

/** Whether the class of `second` is higher than that of `first`: the two would change places the other way round. */
const isBehind = (first: string, second: string): boolean => swaps(second, first);
