import { expect, test } from "vitest";
import { GLOSS_CLASSES, GLOSS_CLASSES_10, makeGlossTask, preTrainingTexts } from "./gloss-task.ts";
import type { WordNetGloss } from "./wordnet-glosses.ts";

const gloss = (lexicographerFile: string, text: string, example = ""): WordNetGloss => ({
  lexicographerFile: lexicographerFile as WordNetGloss["lexicographerFile"],
  lemma: "word",
  gloss: text,
  examples: example === "" ? [] : [example],
  text: example === "" ? text : `${text}; "${example}"`,
});

const many = (name: string, count: number): WordNetGloss[] =>
  Array.from({ length: count }, (_, i) => gloss(`noun.${name}`, `${name} ${i}`, i % 2 ? `see ${name}` : ""));
const glosses = [...many("animal", 30), ...many("plant", 40), ...many("act", 50)];
const options = { seed: 1, classes: ["plant", "animal"], perClass: 20 };

test("draws and splits by class", () => {
  const { labels, train, test: held } = makeGlossTask(glosses, options);
  expect(labels).toEqual(["plant", "animal"]);
  expect([train.length, held.length]).toEqual([32, 8]);
  for (const part of [train, held]) {
    expect(part.filter(({ label }) => label === 0)).toHaveLength(part.length / 2);
    for (const { text, label } of part) expect(text.startsWith(labels[label]!)).toBe(true);
  }
  const texts = [...train, ...held].map(({ text }) => text);
  expect(new Set(texts).size).toBe(40);
});

test("the seed decides, and nothing else", () => {
  expect(makeGlossTask(glosses, options)).toEqual(makeGlossTask(glosses, options));
  expect(makeGlossTask(glosses, { ...options, seed: 2 }).test).not.toEqual(makeGlossTask(glosses, options).test);
});

test("fewer labels leave the test as it is, and are among more labels", () => {
  const all = makeGlossTask(glosses, options);
  const [five, ten] = [5, 10].map((labelsPerClass) => makeGlossTask(glosses, { ...options, labelsPerClass }));
  expect(five!.test).toEqual(all.test);
  expect([five!.train.length, ten!.train.length]).toEqual([10, 20]);
  expect(ten!.train).toEqual(expect.arrayContaining(five!.train));
  expect(all.train).toEqual(expect.arrayContaining(ten!.train));
});

test("a text occurs once, with its first class", () => {
  const doubled = [gloss("noun.animal", "plant 0"), ...glosses, ...glosses];
  const { train, test: held } = makeGlossTask(doubled, { ...options, perClass: 31, classes: ["animal", "plant"] });
  const all = [...train, ...held];
  expect(new Set(all.map(({ text }) => text)).size).toBe(62);
  expect(all.filter(({ text }) => text === "plant 0").map(({ label }) => label)).toEqual([0]);
});

test("pre-training sees everything but the test glosses, by text, once", () => {
  const { train, test: held } = makeGlossTask(glosses, options);
  // The same definition in another class, with an example that would betray it.
  const twin = gloss("noun.act", held[0]!.text, "betrayed");
  const texts = preTrainingTexts([...glosses, twin, glosses.at(-1)!], held);
  expect(texts).toHaveLength(120 - 8);
  for (const { text } of held) expect(texts.some((line) => line === text || line.startsWith(`${text};`))).toBe(false);
  for (const { text } of train) expect(texts.some((line) => line === text || line.startsWith(`${text};`))).toBe(true);
  expect(texts).toContain('act 1; "see act"');
});

test("the classes of the demo and of the reports", () => {
  expect(GLOSS_CLASSES).toHaveLength(6);
  expect(GLOSS_CLASSES_10).toEqual([...GLOSS_CLASSES, "act", "state", "communication", "substance"]);
});

test.each<[change: object, message: string]>([
  [
    { perClass: 31 },
    'makeGlossTask: expected 31 glosses of class "animal", got 30; lower perClass or take another class',
  ],
  [
    { classes: ["animals"] },
    'makeGlossTask: expected 20 glosses of class "animals", got 0; lower perClass or take another class',
  ],
  [{ labelsPerClass: 17 }, "makeGlossTask: expected labelsPerClass ≤ 16, got 17; lower it"],
  [{ labelsPerClass: 0 }, "makeGlossTask: expected labelsPerClass to be a whole number ≥ 1, got 0; change it"],
  [{ perClass: 2.5 }, "makeGlossTask: expected perClass to be a whole number ≥ 1, got 2.5; change it"],
  [{ testFraction: 1 }, "makeGlossTask: expected testFraction to leave both parts a text, got 1 of 20; use 0.2"],
  [{ testFraction: NaN }, "makeGlossTask: expected testFraction to leave both parts a text, got NaN of 20; use 0.2"],
])("%j is an error", (change, message) => {
  expect(() => makeGlossTask(glosses, { ...options, ...change })).toThrow(
    expect.objectContaining({ name: "DataError", message }),
  );
});
