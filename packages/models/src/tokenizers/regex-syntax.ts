import { excerpt } from "@tessera/tensor/files";
import { TokenizerError } from "./tokenizer-error.ts";

// Oniguruma's classes, which go by Unicode, in JavaScript's words. Inside of brackets they stand without their own.
const SPACE = "\\p{White_Space}";
const WORD = "\\p{L}\\p{M}\\p{N}\\p{Pc}";
const CLASSES: Readonly<Record<string, readonly [inside: string, negated: boolean]>> = {
  s: [SPACE, false],
  S: [SPACE, true],
  w: [WORD, false],
  W: [WORD, true],
  d: ["\\p{Nd}", false],
  D: ["\\p{Nd}", true],
  h: ["0-9a-fA-F", false],
  H: ["0-9a-fA-F", true],
};
const POSIX: Readonly<Record<string, string>> = {
  alpha: "\\p{Alphabetic}",
  digit: "\\p{Nd}",
  alnum: "\\p{Alphabetic}\\p{Nd}",
  upper: "\\p{Uppercase}",
  lower: "\\p{Lowercase}",
  space: SPACE,
  punct: "\\p{P}\\p{S}",
  word: WORD,
  xdigit: "0-9a-fA-F",
};
const SIMPLE_ESCAPES = new Set([..."nrtfv"]);
const ANCHORS: Readonly<Record<string, string>> = {
  A: "(?<![\\s\\S])",
  z: "(?![\\s\\S])",
  Z: "(?=\\n?(?![\\s\\S]))",
  b: `(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`,
  B: `(?:(?<=[${WORD}])(?=[${WORD}])|(?<![${WORD}])(?![${WORD}]))`,
};
const SYNTAX = new Set([..."^$\\.*+?()[]{}|/"]);

const literal = (char: string): string => (SYNTAX.has(char) ? `\\${char}` : char);

/** All characters that differ from one in case alone: `s` has `S` and `ſ`. */
const caseFolds = (char: string): string => {
  const all = new Set([char, char.toLowerCase(), char.toUpperCase()]);
  const pattern = new RegExp(`^${literal(char)}$`, "iu");
  for (const odd of ["\u017f", "\u212a", "\u2126", "\u212b", "\u1e9e", "ß"]) if (pattern.test(odd)) all.add(odd);
  return [...all].filter((one) => [...one].length === 1).join("");
};

/** Reads a pattern from left to right and writes it in JavaScript's syntax. */
class Translator {
  private at = 0;
  private groups = 0;

  constructor(
    private readonly path: string,
    private readonly source: string,
  ) {}

  translate(): string {
    const out = this.alternatives(false);
    if (this.at < this.source.length) this.refuse(`an unmatched ")" at ${this.at}`);
    return out;
  }

  private refuse(got: string): never {
    throw new TokenizerError(
      `${this.path}: expected a pattern of literals, classes, groups, look-arounds and quantifiers, got ${got} in ${excerpt(this.source)}; it cannot be searched for in JavaScript`,
    );
  }

  private eat(text: string): boolean {
    if (!this.source.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  private char(): string {
    const char = String.fromCodePoint(this.source.codePointAt(this.at)!);
    this.at += char.length;
    return char;
  }

  private alternatives(fold: boolean): string {
    let out = "";
    while (this.at < this.source.length && this.source[this.at] !== ")") {
      if (this.eat("|")) out += "|";
      else if (this.eat("(?i)")) {
        // From here to the end of the group, alternatives included.
        return `${out}(?:${this.alternatives(true)})`;
      } else out += this.quantified(fold);
    }
    return out;
  }

  private quantified(fold: boolean): string {
    const atom = this.atom(fold);
    const found = /^(?:[*+?]|\{\d*,?\d*\})/.exec(this.source.slice(this.at))?.[0];
    if (found === undefined || found === "{}" || found === "{,}") return atom;
    this.at += found.length;
    const quantifier = found.startsWith("{,") ? found.replace("{,", "{0,") : found;
    if (this.eat("?")) return `${atom}${quantifier}?`;
    // What a possessive quantifier has taken it does not give back; neither does a look-ahead. `{n}+` repeats, in Ruby's syntax.
    if (!quantifier.startsWith("{") && this.eat("+")) return this.atomic(`${atom}${quantifier}`);
    return `${atom}${quantifier}`;
  }

  private atomic(inside: string): string {
    const name = `atom${this.groups++}`;
    return `(?:(?=(?<${name}>${inside}))\\k<${name}>)`;
  }

  private atom(fold: boolean): string {
    if (this.eat("(")) return this.group(fold);
    if (this.eat("[")) return this.set(fold);
    if (this.eat(".")) return "[^\\n]";
    if (this.eat("^")) return "(?<![^\\n])";
    if (this.eat("$")) return "(?![^\\n])";
    if (this.eat("\\")) return this.escape(fold);
    if (/[*+?]/.test(this.source[this.at]!)) this.refuse(`a quantifier of nothing at ${this.at}`);
    return this.letter(this.char(), fold);
  }

  private letter(char: string, fold: boolean): string {
    const folds = fold ? caseFolds(char) : char;
    return [...folds].length > 1 ? `[${folds}]` : literal(char);
  }

  private group(fold: boolean): string {
    let open = "(?:";
    let inner = fold;
    let atomic = false;
    if (this.eat("?")) {
      const kind = /^(?:<=|<!|[:=!>]|-?i:|<[A-Za-z_]\w*>)/.exec(this.source.slice(this.at))?.[0];
      if (kind === undefined)
        return this.refuse(`a group that begins with "(?${this.source.slice(this.at, this.at + 2)}"`);
      this.at += kind.length;
      if (kind === ">") atomic = true;
      else if (kind.endsWith("i:")) inner = kind === "i:";
      else if (!/^<[A-Za-z_]/.test(kind)) open = `(?${kind}`;
    }
    const inside = this.alternatives(inner);
    if (!this.eat(")")) this.refuse(`a group that does not end`);
    return atomic ? this.atomic(`(?:${inside})`) : `${open}${inside})`;
  }

  private escape(fold: boolean): string {
    if (this.at >= this.source.length) this.refuse("a backslash at the end");
    const property = this.property();
    if (property !== undefined) return property;
    const char = this.char();
    const known = CLASSES[char];
    if (known) return `[${known[1] ? "^" : ""}${known[0]}]`;
    if (ANCHORS[char]) return ANCHORS[char];
    return this.letter(this.escaped(char), fold);
  }

  /** `\p{L}`, `\P{L}`, `\p{^L}`. */
  private property(): string | undefined {
    const found = /^([pP])\{(\^?)([A-Za-z_]+)\}/.exec(this.source.slice(this.at));
    if (!found) return undefined;
    this.at += found[0].length;
    const [, kind, hat, name] = found;
    const negated = (kind === "P") !== (hat === "^");
    const posix = POSIX[name!.toLowerCase()];
    if (posix) return `[${negated ? "^" : ""}${posix}]`;
    for (const written of [name!, `Script=${name!}`]) {
      const text = `\\${negated ? "P" : "p"}{${written}}`;
      try {
        new RegExp(text, "u");
        return text;
      } catch {
        continue;
      }
    }
    return this.refuse(`the property ${name!}`);
  }

  /** The character behind a backslash that stands for one character. */
  private escaped(char: string): string {
    if (SIMPLE_ESCAPES.has(char)) return JSON.parse(char === "v" ? '"\\u000b"' : `"\\${char}"`) as string;
    if (char === "a") return "\u0007";
    if (char === "e") return "\u001b";
    const hex = {
      x: /^(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{2}))/,
      u: /^(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{4}))/,
    };
    if (char === "x" || char === "u") {
      const found = hex[char].exec(this.source.slice(this.at));
      if (!found) return this.refuse(`\\${char} without a code`);
      this.at += found[0].length;
      return String.fromCodePoint(parseInt(found[1] ?? found[2]!, 16));
    }
    if (/[A-Za-z0-9]/.test(char)) this.refuse(`\\${char}`);
    return char;
  }

  /** What stands in brackets, as alternatives of one character each. */
  private set(fold: boolean): string {
    const negated = this.eat("^");
    let inside = "";
    /** Classes that are negated, or sets in sets, and so are no part of one pair of brackets. */
    const others: string[] = [];
    let first = true;
    while (first || this.source[this.at] !== "]") {
      if (this.at >= this.source.length) this.refuse("a set that does not end");
      const posix = /^\[:(\^?)(\w+):\]/.exec(this.source.slice(this.at));
      if (posix) {
        this.at += posix[0].length;
        const known = POSIX[posix[2]!];
        if (known === undefined) this.refuse(posix[0]);
        if (posix[1] === "^") others.push(`[^${known}]`);
        else inside += known;
      } else if (this.eat("&&")) this.refuse("an intersection of sets");
      else if (this.eat("[")) others.push(this.set(fold));
      else inside += this.setItem(fold, others);
      first = false;
    }
    this.at++;
    const any = [...(inside === "" ? [] : [`[${inside}]`]), ...others];
    if (!negated) return any.length === 1 ? any[0]! : `(?:${any.join("|")})`;
    return others.length === 0 ? `[^${inside}]` : `(?:(?!${any.join("|")})[\\s\\S])`;
  }

  private setItem(fold: boolean, others: string[]): string {
    const low = this.setChar(others);
    if (low === undefined) return "";
    if (low.length > 2) return low;
    if (this.source[this.at] !== "-" || this.source[this.at + 1] === "]") return this.setLetter(low, fold);
    this.at++;
    const high = this.setChar(others);
    if (high === undefined || high.length > 2) return `${this.setLetter(low, fold)}\\-${high ?? ""}`;
    if (low.codePointAt(0)! > high.codePointAt(0)!) this.refuse(`the range ${low}-${high}`);
    const range = `${this.setLetter(low, false)}-${this.setLetter(high, false)}`;
    if (!fold) return range;
    let folded = range;
    for (let code = low.codePointAt(0)!; code <= high.codePointAt(0)!; code++)
      folded += [...caseFolds(String.fromCodePoint(code))].map((char) => this.setLetter(char, false)).join("");
    return folded;
  }

  private setLetter(char: string, fold: boolean): string {
    return [...(fold ? caseFolds(char) : char)]
      .map((one) => (one === "-" || SYNTAX.has(one) ? `\\${one}` : one))
      .join("");
  }

  /** A character as itself (one or two units), or a class in JavaScript's words (longer). */
  private setChar(others: string[]): string | undefined {
    if (!this.eat("\\")) return this.char();
    if (this.at >= this.source.length) this.refuse("a backslash at the end");
    const property = this.property();
    if (property !== undefined) {
      if (!property.startsWith("[")) return property;
      others.push(property);
      return undefined;
    }
    const char = this.char();
    if (char === "b") return "\b";
    const known = CLASSES[char];
    if (!known) return this.escaped(char);
    if (!known[1]) return known[0];
    others.push(`[^${known[0]}]`);
    return undefined;
  }
}

/**
 * A pattern of `tokenizer.json`, which is in Oniguruma's syntax, for JavaScript: classes go by Unicode, `(?i:…)` is spelled out,
 * possessive quantifiers and atomic groups become look-aheads.
 *
 * @throws {TokenizerError} for what JavaScript cannot search for
 */
export const compileRegex = (path: string, source: string): RegExp => {
  const translated = new Translator(path, source).translate();
  try {
    return new RegExp(translated, "gu");
  } catch (cause) {
    throw new TokenizerError(
      `${path}: expected a regular expression, got ${excerpt(source)} (${(cause as Error).message}); the file is damaged or of another kind`,
      { cause },
    );
  }
};
