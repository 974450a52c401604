import { IS_WORD, isSpace, unicodeFlags } from "./unicode-tables.ts";
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
  /** Found after normalisation instead of before, in its own normalised form. */
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

const isWord = (code: number | undefined): boolean => code !== undefined && (unicodeFlags()[code]! & IS_WORD) !== 0;

/** The character that ends before `at`. */
const codeBefore = (text: string, at: number): number | undefined => {
  const pair = at > 1 ? text.codePointAt(at - 2)! : 0;
  return pair > 0xffff ? pair : at > 0 ? text.charCodeAt(at - 1) : undefined;
};

const touchesWord = (text: string, start: number, end: number): boolean =>
  isWord(codeBefore(text, start)) || isWord(text.codePointAt(end));

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

/** An added token in a text, with the white space that it takes. */
export interface FoundToken {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

/** Finds added tokens: some in the text as it is, the others in its normalised form. */
export class AddedTokens {
  private readonly literal: Pass | undefined;
  private readonly normalised: Pass | undefined;

  /** @param normalize brings the content of a token into the form of a normalised text */
  constructor(list: readonly AddedToken[], normalize: (content: string) => string) {
    for (const token of list) {
      if (token.content === "") throw new TokenizerError("added_tokens: expected non-empty contents, got an empty one");
    }
    this.literal = makePass(list.filter((token) => !token.normalized));
    const normalised = list
      .filter((token) => token.normalized)
      .map((token) => ({ ...token, content: normalize(token.content) }));
    // A token of which nothing is left cannot be found.
    this.normalised = makePass(normalised.filter(({ content }) => content !== ""));
  }

  /** Whether any are looked for in the normalised text. */
  get haveNormalised(): boolean {
    return this.normalised !== undefined;
  }

  /** Those in a text as it is, from left to right. */
  inText(text: string): FoundToken[] {
    return find(this.literal, text);
  }

  /** Those in a part of a text that has been normalised. */
  inNormalised(text: string): FoundToken[] {
    return find(this.normalised, text);
  }
}

const NOTHING: FoundToken[] = [];

const find = (pass: Pass | undefined, text: string): FoundToken[] => {
  if (pass === undefined) return NOTHING;
  const found: FoundToken[] = [];
  let done = 0;
  const { pattern } = pass;
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const token = pass.tokens.get(match[0])!;
    let start = match.index;
    let end = start + match[0].length;
    if (token.single_word && touchesWord(text, start, end)) continue;
    if (token.lstrip) while (start > done && isSpace(text.charCodeAt(start - 1))) start--;
    if (token.rstrip) while (end < text.length && isSpace(text.charCodeAt(end))) end++;
    // What a neighbour's rstrip has taken is not taken again.
    found.push({ id: token.id, start: Math.max(start, Math.min(done, end)), end });
    done = end;
  }
  return found;
};
