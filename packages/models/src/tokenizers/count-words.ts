import { nextWordEnd } from "./next-word-end.ts";
import { ownString } from "./own-string.ts";

/** Adds the words of one text to `counts`. Special tokens in it are text like any other, as in Hugging Face's trainer. */
export const countWords = (text: string, counts: Map<string, number>, addPrefixSpace = false): void => {
  const prefixed = addPrefixSpace && text.length > 0 && text.charCodeAt(0) !== 0x20 ? ` ${text}` : text;
  for (let at = 0; at < prefixed.length;) {
    const end = nextWordEnd(prefixed, at, prefixed.length);
    const word = prefixed.slice(at, end);
    const count = counts.get(word);
    if (count === undefined) counts.set(ownString(prefixed, at, end), 1);
    else counts.set(word, count + 1);
    at = end;
  }
};
