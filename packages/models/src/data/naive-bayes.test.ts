import { expect, test } from "vitest";
import { NaiveBayes } from "./naive-bayes.ts";

const train = [
  { text: "Chinese Beijing Chinese", label: 0 },
  { text: "Chinese Chinese Shanghai", label: 0 },
  { text: "chinese Macao", label: 0 },
  { text: "Tokyo Japan Chinese", label: 1 },
];

test("follows the formula, worked by hand", () => {
  // Sets of words: n(0) = chinese 3, beijing, shanghai, macao 1 each, 6 in all; n(1) = 3; V = 6; s = 1.
  const bayes = new NaiveBayes({ smoothing: 1 }).fit(train);
  // "chinese tokyo japan": 3/4 · 4/12 · 1/12 · 1/12 = 0.00174 against 1/4 · (2/9)³ = 0.00274.
  expect(bayes.predict("Chinese CHINESE chinese Tokyo Japan")).toBe(1);
  // "chinese tokyo": 3/4 · 4/12 · 1/12 = 0.0208 against 1/4 · (2/9)² = 0.0123.
  expect(bayes.predict("Chinese, Tokyo!")).toBe(0);
  // "japan": 3/4 · 1/12 = 0.0625 against 1/4 · 2/9 = 0.0556; unseen words say nothing.
  expect(bayes.predict("Japan Osaka Kyoto")).toBe(0);
  // With less smoothing what was never seen weighs more: 3/4 · 0.5/9 = 0.0417 against 1/4 · 1.5/6 = 0.0625.
  expect(new NaiveBayes().fit(train).predict("Japan")).toBe(1);
  expect(bayes.predict("")).toBe(0);
});

test("accuracy is the part that is right", () => {
  expect(new NaiveBayes().fit(train).accuracy(train)).toBe(1);
  const flipped = train.map(({ text, label }, i) => ({ text, label: i === 0 ? 1 - label : label }));
  expect(new NaiveBayes().fit(train).accuracy(flipped)).toBe(0.75);
});

test("a class without texts is never said", () => {
  const bayes = new NaiveBayes().fit([
    { text: "a", label: 2 },
    { text: "b", label: 0 },
  ]);
  expect([bayes.predict("a"), bayes.predict("b"), bayes.predict("c")]).toEqual([2, 0, 0]);
});

test("errors say what is wrong", () => {
  expect(() => new NaiveBayes().fit([])).toThrow("NaiveBayes.fit: expected labelled texts, got none; check the split");
  expect(() => new NaiveBayes().predict("a")).toThrow(
    "NaiveBayes.predict: expected a fitted model, got none; call fit first",
  );
  expect(() => new NaiveBayes().fit(train).accuracy([])).toThrow(
    "NaiveBayes.accuracy: expected labelled texts, got none; check the split",
  );
  expect(() => new NaiveBayes({ smoothing: 0 })).toThrow("NaiveBayes: expected smoothing > 0, got 0; use 0.5");
});
