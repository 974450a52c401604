/** A layer whose blocks are to be judged. */
export interface JudgedLayer {
  /** Its path in the model. */
  readonly name: string;
  /** `[outFeatures, inFeatures]` in row-major order; 0 where no block is stored. */
  readonly weight: ArrayLike<number>;
  readonly outFeatures: number;
  readonly inFeatures: number;
  readonly blockSize: number;
  /** For a criterion that draws. */
  readonly seed: number;
}

/** Says how much each block of a layer matters. */
export interface BlockCriterion {
  /** For reports. */
  readonly name: string;
  /** A score for each block, rows × columns of blocks in row-major order; the highest stay. */
  scores(layer: JudgedLayer): Float64Array;
}

/**
 * Σ over the elements of each block of `term(at, o, i)`, where `at` is the place of element [o, i] in the weight. Blocks at the
 * edges have fewer elements.
 */
export const sumOverBlocks = (
  { outFeatures, inFeatures, blockSize }: Pick<JudgedLayer, "outFeatures" | "inFeatures" | "blockSize">,
  term: (at: number, o: number, i: number) => number,
): Float64Array => {
  const cols = Math.ceil(inFeatures / blockSize);
  const sums = new Float64Array(Math.ceil(outFeatures / blockSize) * cols);
  for (let o = 0; o < outFeatures; o++) {
    const row = Math.floor(o / blockSize) * cols;
    for (let i = 0; i < inFeatures; i++) sums[row + Math.floor(i / blockSize)]! += term(o * inFeatures + i, o, i);
  }
  return sums;
};
