import { DataError } from "./data-error.ts";
import type { LabelledText } from "./text-files.ts";

/** Each word of a text once, in lower case. */
const wordSet = (text: string): Set<string> => new Set(text.toLowerCase().match(/[\p{L}\p{N}]+/gu));

/**
 * The baseline: multinomial naive Bayes over the *sets* of lower-cased words.
 *
 * `label = argmax_c log P(c) + Σ_w log((n(w, c) + s) / (Σ_v n(v, c) + s V))`, where w runs over the words of the text that
 * were seen in training, `n(w, c)` counts the texts of class c with w, V is the number of words and s the smoothing.
 *
 * @example
 * const bayes = new NaiveBayes().fit(train);
 * bayes.predict("a small furry animal");
 * bayes.accuracy(test); // in 0 … 1
 *
 * Source: Manning, Raghavan & Schütze 2008, chapter 13.
 */
export class NaiveBayes {
  private readonly smoothing: number;
  private classes = 0;
  private priors = new Float64Array();
  /** For each word its count in each class; then its log-likelihoods. */
  private likelihoods = new Map<string, Float64Array>();

  constructor({ smoothing = 0.5 }: { smoothing?: number } = {}) {
    if (!(smoothing > 0)) throw new DataError(`NaiveBayes: expected smoothing > 0, got ${smoothing}; use 0.5`);
    this.smoothing = smoothing;
  }

  /** @throws {DataError} if there is no text */
  fit(examples: readonly LabelledText[]): this {
    if (examples.length === 0)
      throw new DataError("NaiveBayes.fit: expected labelled texts, got none; check the split");
    const classes = examples.reduce((max, { label }) => Math.max(max, label + 1), 0);
    const texts = new Float64Array(classes);
    const totals = new Float64Array(classes);
    const counts = new Map<string, Float64Array>();
    for (const { text, label } of examples) {
      texts[label]!++;
      for (const word of wordSet(text)) {
        let row = counts.get(word);
        if (row === undefined) counts.set(word, (row = new Float64Array(classes)));
        row[label]!++;
        totals[label]!++;
      }
    }
    const norms = totals.map((total) => Math.log(total + this.smoothing * counts.size));
    for (const [word, row] of counts) {
      counts.set(
        word,
        row.map((count, c) => Math.log(count + this.smoothing) - norms[c]!),
      );
    }
    this.classes = classes;
    this.priors = texts.map((count) => Math.log(count / examples.length));
    this.likelihoods = counts;
    return this;
  }

  /** The index of the likeliest label; of equals the first. */
  predict(text: string): number {
    if (this.classes === 0)
      throw new DataError("NaiveBayes.predict: expected a fitted model, got none; call fit first");
    const scores = this.priors.slice();
    for (const word of wordSet(text)) {
      const row = this.likelihoods.get(word);
      if (row) for (let c = 0; c < this.classes; c++) scores[c]! += row[c]!;
    }
    return scores.indexOf(scores.reduce((best, score) => Math.max(best, score), -Infinity));
  }

  /** The part of the texts that get their own label, in 0 … 1. */
  accuracy(examples: readonly LabelledText[]): number {
    if (examples.length === 0) {
      throw new DataError("NaiveBayes.accuracy: expected labelled texts, got none; check the split");
    }
    return examples.filter(({ text, label }) => this.predict(text) === label).length / examples.length;
  }
}
