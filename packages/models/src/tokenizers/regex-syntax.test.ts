import { expect, test } from "vitest";
import { compileRegex } from "./regex-syntax.ts";

const all = (pattern: string, text: string): string[] =>
  Array.from(text.matchAll(compileRegex("pattern", pattern)), ([match]) => match);

// Right-hand sides by Oniguruma.
test.each<[pattern: string, text: string, matches: string[]]>([
  ["(?i:'s|'t|'re)", "it'S don't we'RE it'ſ", ["'S", "'t", "'RE", "'ſ"]],
  ["\\p{N}{1,3}", "12345 ٣٤", ["123", "45", "٣٤"]],
  ["[^\\r\\n\\p{L}\\p{N}]?\\p{L}+", "a b\nc", ["a", " b", "c"]],
  ["\\s+(?!\\S)|\\s+", "a  b \n", [" ", " ", " \n"]],
  ["[^\\s\\p{L}\\p{N}]++", "a!?b", ["!?"]],
  ["(?>a+)a", "aaa", []],
  ["a++a", "aaa", []],
  ["[[:alpha:]]+", "aé1", ["aé"]],
  ["[\\]a-c-]+", "]b-d", ["]b-"]],
  ["[^\\S\\n]+", "a \t\nb", [" \t"]],
  [".", "a\n\r", ["a", "\r"]],
  ["\\h+", "xBEEFg", ["BEEF"]],
  ["\\p{Han}+", "ab漢字", ["漢字"]],
  ["\\x{4e00}|\\u0041", "A一", ["A", "一"]],
  ["(?<year>\\d{4})", "in 1999", ["1999"]],
  ["^b$", "a\nb\nc", ["b"]],
  ["a{,2}b", "aaab", ["aab"]],
  ["\\/\\-\\.", "/-.", ["/-."]],
])("%s finds in %j", (pattern, text, matches) => expect(all(pattern, text)).toEqual(matches));

test.each<[pattern: string, got: string]>([
  ["a(b", "a group that does not end"],
  ["a)b", 'an unmatched ")" at 1'],
  ["[a", "a set that does not end"],
  ["[a&&b]", "an intersection of sets"],
  ["\\p{Odd}", "the property Odd"],
  ["(a)\\1", "\\1"],
  ["*a", "a quantifier of nothing at 0"],
  ["(?#x)", 'a group that begins with "(?#x"'],
])("%s is refused", (pattern, got) =>
  expect(() => compileRegex("place", pattern)).toThrow(`look-arounds and quantifiers, got ${got} in`),
);
