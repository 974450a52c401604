import { ArgumentError } from "@tessera/tensor";

/** Positions by falling score; equal scores keep their order. */
export const ranked = (scores: ArrayLike<number>): number[] =>
  Array.from({ length: scores.length }, (_, i) => i).sort((a, b) =>
    scores[a] === scores[b] ? a - b : scores[b]! > scores[a]! ? 1 : -1,
  );

/** Throws ArgumentError unless there is one score for each block, and none is NaN: such scores cannot be ranked. */
export const checkScores = (op: string, scores: ArrayLike<number>, rows: number, cols: number): void => {
  if (scores.length !== rows * cols)
    throw new ArgumentError(`${op}: expected ${rows} × ${cols} scores, got ${scores.length}; give one for each block`);
  for (let i = 0; i < scores.length; i++)
    if (Number.isNaN(scores[i]!))
      throw new ArgumentError(
        `${op}: the score of block [${Math.floor(i / cols)}, ${i % cols}] is NaN; are the weights finite?`,
      );
};
