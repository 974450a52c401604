import { expect, test } from "vitest";
import { LEXICOGRAPHER_FILES, parseWordNet, parseWordNetData } from "./wordnet-glosses.ts";

const synset = (text: string, file = "03", word = "thing"): string =>
  `00002452 ${file} n 02 ${word} 0 other_word 1 002 @ 00001740 n 0000 ~ 04354303 n 0000 | ${text}  `;

test("a line is a synset: file, first word, definition, examples", () => {
  const licence = "  1 This software and database is being provided to you";
  const contents = [
    licence,
    synset(
      'a tangible entity; an entity that casts a shadow; "it was full of rackets, balls"; "see"',
      "17",
      "physical_object",
    ),
    synset("a separate entity", "44", "able(p)"),
    "",
  ].join("\n");
  expect(parseWordNetData(contents)).toEqual([
    {
      lexicographerFile: "noun.object",
      lemma: "physical object",
      gloss: "a tangible entity; an entity that casts a shadow",
      examples: ["it was full of rackets, balls", "see"],
      text: 'a tangible entity; an entity that casts a shadow; "it was full of rackets, balls"; "see"',
    },
    {
      lexicographerFile: "adj.ppl",
      lemma: "able",
      gloss: "a separate entity",
      examples: [],
      text: "a separate entity",
    },
  ]);
});

test.each<[text: string, gloss: string, examples: string[]]>([
  ['extend: "the range of a jet"; "a range"', "extend", ["the range of a jet", "a range"]],
  ['promise as in "carrot and stick"; "used the carrot"', 'promise as in "carrot and stick"', ["used the carrot"]],
  ['a woolen fabric "he wore a suit"', 'a woolen fabric "he wore a suit"', []],
  ['one ;  "two" - Anon', "one", ["two"]],
  ["(of a vote) unanimous; e.g. `aye'", "(of a vote) unanimous; e.g. `aye'", []],
])("examples of %j are stripped", (text, gloss, examples) => {
  expect(parseWordNetData(synset(text))[0]).toMatchObject({ gloss, examples, text });
});

test("the lexicographer files have WordNet's numbers", () => {
  expect(LEXICOGRAPHER_FILES).toHaveLength(45);
  expect([3, 5, 15, 18, 28, 29, 43, 44].map((i) => LEXICOGRAPHER_FILES[i])).toEqual([
    "noun.Tops",
    "noun.animal",
    "noun.location",
    "noun.person",
    "noun.time",
    "verb.body",
    "verb.weather",
    "adj.ppl",
  ]);
});

test.each([
  "no bar 03 n",
  "00002452 45 n 01 word 0 000 | gloss",
  "00002452 x5 n 01 word 0 000 | gloss",
  "00002452 03 n | gloss",
])("%j is no synset", (line) => {
  expect(() => parseWordNetData(`${synset("a")}\n${line}`, "data.noun")).toThrow(
    expect.objectContaining({
      name: "DataError",
      line: 2,
      message: `data.noun, line 2: expected a synset (offset, file, type, words … | gloss), got ${JSON.stringify(line)}; is this a data file of WordNet 3?`,
    }),
  );
});

test("files without a gloss are an error", () => {
  const empty = { "data.noun": "", "data.verb": "\n", "data.adj": "  1 licence", "data.adv": "" };
  expect(() => parseWordNet(empty)).toThrow(
    "WordNet: expected the contents of data.noun and its like, got no gloss; check the dict folder",
  );
  expect(parseWordNet({ ...empty, "data.adv": synset("a", "02") })).toHaveLength(1);
});
