import { expect, test } from "vitest";
import { characterClasses, LETTER, NUMBER, OTHER, SPACE } from "./character-classes.ts";

/** Unicode grows: an older engine knows fewer letters than our table, a newer one more; none changes its mind. */
const engine = Number(process.versions.unicode);

const disagreements = (pattern: RegExp, wanted: number): number[] => {
  const codes: number[] = [];
  characterClasses().forEach((own, code) => {
    const theirs = pattern.test(String.fromCodePoint(code));
    const unknownHere = own === wanted && !theirs && engine < 16;
    const unknownToUs = own === OTHER && theirs && engine > 16;
    if ((own === wanted) !== theirs && !unknownHere && !unknownToUs) codes.push(code);
  });
  return codes;
};

test("letters, numbers and white space are Unicode's", () => {
  expect(disagreements(/\p{L}/u, LETTER)).toEqual([]);
  expect(disagreements(/\p{N}/u, NUMBER)).toEqual([]);
  expect(disagreements(/\p{White_Space}/u, SPACE)).toEqual([]);
});

test("the table is that of Unicode 16.0, whatever the engine's", () => {
  const counts = [0, 0, 0, 0];
  for (const own of characterClasses()) counts[own]!++;
  expect(counts).toEqual([971148, 141028, 1911, 25]);
});
