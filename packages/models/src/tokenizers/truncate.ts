import type { EncodeOptions } from "./encoding.ts";
import { TokenizerError } from "./tokenizer-error.ts";

/**
 * How many ids of two texts (the second may be empty) stay so that `first + second + added ≤ maxLength`.
 * `longestFirst` shortens the longer text down to the other, then both alike.
 */
export const truncatedLengths = (
  first: number,
  second: number,
  added: number,
  { maxLength, truncation = maxLength !== undefined, pair }: EncodeOptions,
): [first: number, second: number] => {
  if (truncation === false) return [first, second];
  if (maxLength === undefined) {
    throw new TokenizerError("encode: expected maxLength with truncation, got none; say how many ids fit the model");
  }
  if (!Number.isInteger(maxLength) || maxLength < 0) {
    throw new TokenizerError(`encode: expected maxLength to be an integer ≥ 0, got ${maxLength}; pass a whole number`);
  }
  const room = maxLength - added;
  if (room < 0) {
    throw new TokenizerError(
      `encode: expected maxLength ≥ ${added}, the tokens put around the text, got ${maxLength}; raise it or pass addSpecialTokens: false`,
    );
  }
  const excess = first + second - room;
  if (excess <= 0) return [first, second];
  if (room === 0) return [0, 0];
  if (truncation === "onlyFirst" || truncation === "onlySecond") {
    const length = truncation === "onlyFirst" ? first : second;
    if (length <= excess) {
      throw new TokenizerError(
        `encode: expected the ${truncation === "onlyFirst" ? "first" : "second"} text to have more than the ${excess} ids that must go, got ${length}; use "longestFirst"`,
      );
    }
    return truncation === "onlyFirst" ? [first - excess, second] : [first, second - excess];
  }
  if (pair === undefined) return [room, 0];
  const short = Math.min(first, second);
  let keptShort = short;
  let keptLong = short > room ? short : Math.max(short, room - short);
  if (keptShort + keptLong > room) {
    keptShort = Math.floor(room / 2);
    keptLong = keptShort + (room % 2);
  }
  return first > second ? [keptLong, keptShort] : [keptShort, keptLong];
};
