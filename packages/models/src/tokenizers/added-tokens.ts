import { TokenizerError } from "./tokenizer-error.ts";

/** A token that is found in the text before anything else, in `tokenizer.json`'s form. */
export interface AddedToken {
  id: number;
  content: string;
  /** Found only where no word character touches it. */
  single_word: boolean;
  /** Takes the white space before it (RoBERTa's `<mask>`). */
  lstrip: boolean;
  /** Takes the white space behind it. */
  rstrip: boolean;
  /** Found after normalisation instead of before; the same here, where there is no normaliser, but in a second pass. */
  normalized: boolean;
  /** Left out of decoded text on demand. */
  special: boolean;
}

/** An added token with the flags that a special token has in RoBERTa's tokenizer. */
export const specialToken = (id: number, content: string, lstrip = false): AddedToken => ({
  id,
  content,
  single_word: false,
  lstrip,
  rstrip: false,
  normalized: false,
  special: true,
});

/** What the text between added tokens goes to, and what an added token goes to. */
export interface TextSink {
  text(text: string, start: number, end: number): void;
  token(id: number): void;
}

// Rust's `\w` and `\s`, which Hugging Face's tokenizers use around added tokens.
const ENDS_IN_WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const STARTS_WITH_WORD = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const SPACE = /\p{White_Space}/u;

/** Two code units on either side hold the one character that counts. */
const touchesWord = (text: string, start: number, end: number): boolean =>
  ENDS_IN_WORD.test(text.slice(Math.max(0, start - 2), start)) || STARTS_WITH_WORD.test(text.slice(end, end + 2));

interface Pass {
  pattern: RegExp;
  tokens: Map<string, AddedToken>;
}

/** The longest of the tokens at the leftmost place: alternatives of a regular expression are tried in order. */
const makePass = (tokens: readonly AddedToken[]): Pass | undefined => {
  if (tokens.length === 0) return undefined;
  const contents = tokens.map(({ content }) => content).sort((a, b) => b.length - a.length);
  const source = contents.map((content) => content.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("|");
  let pattern: RegExp;
  try {
    pattern = new RegExp(source, "gu");
  } catch (cause) {
    throw new TokenizerError(
      `added_tokens: expected tokens that can be searched for, got ${tokens.length} of ${source.length} characters together; put ordinary words into the vocabulary`,
      { cause },
    );
  }
  return { pattern, tokens: new Map(tokens.map((token) => [token.content, token])) };
};

/** Cuts a text at its added tokens. */
export class AddedTokens {
  private readonly passes: Pass[];

  constructor(readonly list: readonly AddedToken[]) {
    for (const token of list) {
      if (token.content === "") throw new TokenizerError("added_tokens: expected non-empty contents, got an empty one");
    }
    const passes = [makePass(list.filter((t) => !t.normalized)), makePass(list.filter((t) => t.normalized))];
    this.passes = passes.filter((pass) => pass !== undefined);
  }

  /** Walks through `text` from left to right. */
  split(text: string, sink: TextSink): void {
    this.run(0, text, 0, text.length, sink);
  }

  private run(index: number, text: string, start: number, end: number, sink: TextSink): void {
    if (start >= end) return;
    const pass = this.passes[index];
    if (pass === undefined) {
      sink.text(text, start, end);
      return;
    }
    // A second pass sees its part as a text of its own.
    const part = start === 0 && end === text.length ? text : text.slice(start, end);
    let done = 0;
    const { pattern } = pass;
    pattern.lastIndex = 0;
    for (let match = pattern.exec(part); match !== null; match = pattern.exec(part)) {
      const token = pass.tokens.get(match[0])!;
      let from = match.index;
      let to = from + match[0].length;
      if (token.single_word && touchesWord(part, from, to)) continue;
      if (token.lstrip) while (from > done && SPACE.test(part[from - 1]!)) from--;
      if (token.rstrip) while (to < part.length && SPACE.test(part[to]!)) to++;
      // What a neighbour's rstrip has taken is not taken again.
      this.run(index + 1, part, done, Math.max(done, from), sink);
      sink.token(token.id);
      done = to;
    }
    this.run(index + 1, part, done, part.length, sink);
  }
}
