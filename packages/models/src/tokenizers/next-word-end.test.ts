import { expect, test } from "vitest";
import { nextWordEnd } from "./next-word-end.ts";

const words = (text: string): string[] => {
  const found: string[] = [];
  for (let at = 0; at < text.length; at = nextWordEnd(text, at, text.length)) {
    found.push(text.slice(at, nextWordEnd(text, at, text.length)));
  }
  return found;
};

// Right-hand sides by Hugging Face's tokenizers 0.23.
test.each<[text: string, words: string[]]>([
  ["Hello world", ["Hello", " world"]],
  [" leading", [" leading"]],
  ["a  b   c", ["a", " ", " b", "  ", " c"]],
  ["end  ", ["end", "  "]],
  ["  ", ["  "]],
  ["\t\tx", ["\t", "\t", "x"]],
  ["a \n b", ["a", " \n", " b"]],
  [
    "don't we'll I'm you're they've he'd it's",
    ["don", "'t", " we", "'ll", " I", "'m", " you", "'re", " they", "'ve", " he", "'d", " it", "'s"],
  ],
  ["DON'T 'S", ["DON", "'", "T", " '", "S"]],
  ["''s", ["''", "s"]],
  ["rock'n'roll", ["rock", "'", "n", "'", "roll"]],
  ["x1y22 333", ["x", "1", "y", "22", " 333"]],
  ["ﬁ ligature", ["ﬁ", " ligature"]],
  ["e\u0301 combining", ["e", "\u0301", " combining"]],
  ["\u200bzero width", ["\u200b", "zero", " width"]],
  ["x\u00a0y nbsp", ["x", "\u00a0", "y", " nbsp"]],
  ["\u0085next", ["\u0085", "next"]],
  ["\ufeffbom", ["\ufeff", "bom"]],
  ["\u180emongolian", ["\u180e", "mongolian"]],
  ["\u3000wide", ["\u3000", "wide"]],
  ["١٢٣ Ⅳ ½ ²", ["١٢٣", " Ⅳ", " ½", " ²"]],
  [
    "\ud835\udd73\ud835\udd8a\ud835\udd91\ud835\udd91\ud835\udd94 \ud835\udfd9\ud835\udfda",
    ["\ud835\udd73\ud835\udd8a\ud835\udd91\ud835\udd91\ud835\udd94", " \ud835\udfd9\ud835\udfda"],
  ],
  ["퟿\ue000", ["퟿\ue000"]],
  ["don’t ‘curly’", ["don", "’", "t", " ‘", "curly", "’"]],
  ["snake_case", ["snake", "_", "case"]],
  [
    "\ud83d\ude00\ud83d\udc69\u200d\ud83d\udc69\u200d\ud83d\udc67 ok",
    ["\ud83d\ude00\ud83d\udc69\u200d\ud83d\udc69\u200d\ud83d\udc67", " ok"],
  ],
  ["日本語。テスト", ["日本語", "。", "テスト"]],
  ["हिन्दी", ["ह", "ि", "न", "्", "द", "ी"]],
  ["ª º ʰ ⓐ ㊀", ["ª", " º", " ʰ", " ⓐ", " ㊀"]],
  ["a\u00adb", ["a", "\u00ad", "b"]],
  ["ǅ ß İ", ["ǅ", " ß", " İ"]],
  ["\u2028line", ["\u2028", "line"]],
  ["price: $5.00!", ["price", ":", " $", "5", ".", "00", "!"]],
  ["\u1680ogham", ["\u1680", "ogham"]],
  ["\ud801\udca0\ud801\udca1 \ud804\udd36", ["\ud801\udca0\ud801\udca1", " \ud804\udd36"]],
])("%j splits as in the reference", (text, expected) => {
  expect(words(text)).toEqual(expected);
});

const PATTERN =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

test("the scan agrees with the regular expression on every string of five characters", () => {
  const alphabet = [" ", "\n", "a", "1", "'", "s", "l", "😀", "!", "𝕳"];
  for (let n = 0; n < alphabet.length ** 5; n++) {
    let text = "";
    for (let rest = n, i = 0; i < 5; i++, rest = Math.floor(rest / alphabet.length))
      text += alphabet[rest % alphabet.length]!;
    const expected = text.match(PATTERN)!;
    if (words(text).join("|") !== expected.join("|")) expect(words(text), JSON.stringify(text)).toEqual(expected);
  }
});

test("a part of a text is read as a text of its own", () => {
  // Behind the end stands a letter: the run of spaces gives nothing away.
  expect(nextWordEnd("   a", 0, 3)).toBe(3);
  expect(nextWordEnd("   a", 0, 4)).toBe(2);
  // Half a surrogate pair is a character, and no letter.
  expect(nextWordEnd("𝕳𝕳", 0, 3)).toBe(2);
  expect(nextWordEnd("\ud835a", 0, 2)).toBe(1);
});
