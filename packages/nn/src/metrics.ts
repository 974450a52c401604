import { ArgumentError } from "@tessera/tensor";

/** Class numbers on the host, such as `await argmax(logits).data()` gives. */
export type ClassNumbers = ArrayLike<number>;

/**
 * How scores of classes become one: their mean, their mean by the number of labels of each, or the score of all decisions counted together.
 */
export type Average = "macro" | "weighted" | "micro";

export interface Scores {
  /** Of what was predicted to be of the class, the share that is. */
  readonly precision: number;
  /** Of what is of the class, the share that was found. */
  readonly recall: number;
  /** The harmonic mean of the two. */
  readonly f1: number;
}

const check = (name: string, predictions: ClassNumbers, labels: ClassNumbers): void => {
  if (predictions.length !== labels.length)
    throw new ArgumentError(
      `${name}: expected as many predictions as labels, got ${predictions.length} and ${labels.length}`,
    );
  if (labels.length === 0) throw new ArgumentError(`${name}: expected at least one label, got none`);
  for (const classes of [predictions, labels])
    for (let i = 0; i < classes.length; i++)
      if (!Number.isSafeInteger(classes[i]) || classes[i]! < 0)
        throw new ArgumentError(`${name}: expected class numbers from 0 up, got ${String(classes[i])} at ${i}`);
};

/**
 * The share of predictions that are right, from 0 to 1.
 *
 * @throws ArgumentError when there are none, their counts differ, or one is no class number.
 * @example
 * accuracy([0, 2, 1, 1], [0, 1, 1, 1]); // 0.75
 */
export const accuracy = (predictions: ClassNumbers, labels: ClassNumbers): number => {
  check("accuracy", predictions, labels);
  let right = 0;
  for (let i = 0; i < labels.length; i++) right += Number(predictions[i] === labels[i]);
  return right / labels.length;
};

/**
 * How often each class (row) was taken for each (column). Without `classes`, as many as there are numbers up to the largest.
 *
 * Source: {@link https://scikit-learn.org/stable/modules/generated/sklearn.metrics.confusion_matrix.html scikit-learn}.
 *
 * @throws ArgumentError as `accuracy`, or when a number is not below `classes`.
 * @example
 * confusionMatrix([0, 2, 1, 1], [0, 1, 1, 1]); // [[1, 0, 0], [0, 2, 1], [0, 0, 0]]
 */
export const confusionMatrix = (predictions: ClassNumbers, labels: ClassNumbers, classes?: number): number[][] => {
  check("confusionMatrix", predictions, labels);
  let largest = 0;
  for (let i = 0; i < labels.length; i++) largest = Math.max(largest, predictions[i]!, labels[i]!);
  const size = classes ?? largest + 1;
  if (largest >= size)
    throw new ArgumentError(`confusionMatrix: expected class numbers below ${size}, got ${largest}; give more classes`);
  const matrix = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  for (let i = 0; i < labels.length; i++) matrix[labels[i]!]![predictions[i]!]!++;
  return matrix;
};

/** 0 where nothing was counted, as scikit-learn's default has it. */
const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

const scoresOf = (right: number, predicted: number, actual: number): Scores => ({
  precision: ratio(right, predicted),
  recall: ratio(right, actual),
  f1: ratio(2 * right, predicted + actual),
});

/** The matrix's diagonal, column sums and row sums. */
const countsOf = (matrix: readonly (readonly number[])[]): { right: number; predicted: number; actual: number }[] =>
  matrix.map((row, k) => ({
    right: row[k]!,
    predicted: matrix.reduce((sum, other) => sum + other[k]!, 0),
    actual: row.reduce((sum, count) => sum + count, 0),
  }));

/**
 * Precision, recall and F1 over the classes that occur among the labels or the predictions. A ratio of nothing is 0.
 *
 * Source: {@link https://scikit-learn.org/stable/modules/generated/sklearn.metrics.precision_recall_fscore_support.html scikit-learn}.
 *
 * @throws ArgumentError as `accuracy`.
 * @example
 * precisionRecallF1([0, 2, 1, 0, 0, 1], [0, 1, 2, 0, 1, 2]).f1; // 0.266…
 */
export const precisionRecallF1 = (
  predictions: ClassNumbers,
  labels: ClassNumbers,
  { average = "macro" }: { average?: Average | undefined } = {},
): Scores => {
  const counts = countsOf(confusionMatrix(predictions, labels)).filter(
    ({ predicted, actual }) => predicted + actual > 0,
  );
  if (average === "micro") {
    const right = counts.reduce((sum, count) => sum + count.right, 0);
    return scoresOf(right, labels.length, labels.length);
  }
  const weightOf = (actual: number): number => (average === "macro" ? 1 / counts.length : actual / labels.length);
  const mean = (pick: (scores: Scores) => number): number =>
    counts.reduce(
      (sum, { right, predicted, actual }) => sum + weightOf(actual) * pick(scoresOf(right, predicted, actual)),
      0,
    );
  return {
    precision: mean(({ precision }) => precision),
    recall: mean(({ recall }) => recall),
    f1: mean(({ f1 }) => f1),
  };
};

/**
 * Matthews' correlation of predictions and labels, for any number of classes: 1 is perfect, 0 no better than chance, or one class alone.
 *
 * Source: Gorodkin 2004; {@link https://scikit-learn.org/stable/modules/generated/sklearn.metrics.matthews_corrcoef.html scikit-learn}.
 *
 * @throws ArgumentError as `accuracy`.
 * @example
 * matthewsCorrelation([1, 0, 1, 1], [1, 1, 1, 0]); // -0.333…
 */
export const matthewsCorrelation = (predictions: ClassNumbers, labels: ClassNumbers): number => {
  const counts = countsOf(confusionMatrix(predictions, labels));
  const n = labels.length;
  const sum = (pick: (count: (typeof counts)[number]) => number): number =>
    counts.reduce((total, count) => total + pick(count), 0);
  const covariance = n * sum(({ right }) => right) - sum(({ predicted, actual }) => predicted * actual);
  const spread = (n * n - sum(({ predicted }) => predicted ** 2)) * (n * n - sum(({ actual }) => actual ** 2));
  return ratio(covariance, Math.sqrt(spread));
};

/**
 * e to the mean loss of a token: of how many equally likely tokens a language model seems to choose.
 *
 * @throws ArgumentError when the loss is no number from 0 up.
 * @example
 * perplexity(Math.log(50)); // 50
 */
export const perplexity = (loss: number): number => {
  if (!(loss >= 0)) throw new ArgumentError(`perplexity: expected a mean loss of 0 or more, got ${loss}`);
  return Math.exp(loss);
};
