import { DataError } from "./data-error.ts";

/** WordNet's 45 lexicographer files, by number. */
export const LEXICOGRAPHER_FILES = [
  "adj.all",
  "adj.pert",
  "adv.all",
  "noun.Tops",
  "noun.act",
  "noun.animal",
  "noun.artifact",
  "noun.attribute",
  "noun.body",
  "noun.cognition",
  "noun.communication",
  "noun.event",
  "noun.feeling",
  "noun.food",
  "noun.group",
  "noun.location",
  "noun.motive",
  "noun.object",
  "noun.person",
  "noun.phenomenon",
  "noun.plant",
  "noun.possession",
  "noun.process",
  "noun.quantity",
  "noun.relation",
  "noun.shape",
  "noun.state",
  "noun.substance",
  "noun.time",
  "verb.body",
  "verb.change",
  "verb.cognition",
  "verb.communication",
  "verb.competition",
  "verb.consumption",
  "verb.contact",
  "verb.creation",
  "verb.emotion",
  "verb.motion",
  "verb.perception",
  "verb.possession",
  "verb.social",
  "verb.stative",
  "verb.weather",
  "adj.ppl",
] as const;

export type LexicographerFile = (typeof LEXICOGRAPHER_FILES)[number];

/** The files of a `dict` folder that hold glosses, in the order in which they are read. */
export const WORDNET_FILES = ["data.noun", "data.verb", "data.adj", "data.adv"] as const;

/** One synset: what it means, and how it is used. */
export interface WordNetGloss {
  lexicographerFile: LexicographerFile;
  /** The first of its words, with spaces. */
  lemma: string;
  /** The definition without the example sentences. */
  gloss: string;
  examples: string[];
  /** The definition with its examples, as WordNet prints them. */
  text: string;
}

/** Where the examples begin: a quotation behind `;` or `:`. Quotations inside a definition stay (`as in "carrot and stick"`). */
const EXAMPLES = /\s*[;:]\s+"/;
/** `able(p)`: where an adjective may stand. */
const ADJECTIVE_MARKER = /\((?:a|p|ip)\)$/;

/**
 * Parses the contents of one data file.
 *
 * @throws {DataError} with the number of a line that is not a synset
 *
 * Source: WordNet's wndb(5WN), <https://wordnet.princeton.edu/documentation/wndb5wn>.
 */
export const parseWordNetData = (contents: string, name = "WordNet data"): WordNetGloss[] => {
  const glosses: WordNetGloss[] = [];
  contents.split("\n").forEach((line, index) => {
    // The licence at the head of each file is indented.
    if (line.startsWith("  ") || line.trim() === "") return;
    const bar = line.indexOf(" | ");
    const [, file, , , word] = line.slice(0, Math.max(bar, 0)).split(" ");
    const lexicographerFile = LEXICOGRAPHER_FILES[file !== undefined && /^\d\d$/.test(file) ? Number(file) : -1];
    if (bar < 0 || lexicographerFile === undefined || word === undefined) {
      throw new DataError(
        `${name}, line ${index + 1}: expected a synset (offset, file, type, words … | gloss), got ${JSON.stringify(line.slice(0, 60))}; is this a data file of WordNet 3?`,
        index + 1,
      );
    }
    const text = line.slice(bar + 3).trim();
    const cut = EXAMPLES.exec(text);
    const quotations = cut ? text.slice(cut.index).matchAll(/"([^"]*)"/g) : [];
    glosses.push({
      lexicographerFile,
      lemma: word.replace(ADJECTIVE_MARKER, "").replaceAll("_", " "),
      gloss: cut ? text.slice(0, cut.index) : text,
      examples: Array.from(quotations, ([, sentence]) => sentence!),
      text,
    });
  });
  return glosses;
};

/**
 * Parses `data.noun`, `data.verb`, `data.adj` and `data.adv` of WordNet: 117,791 glosses with 48,557 examples in 3.1.
 *
 * @throws {DataError} if there is no gloss, or a line is not a synset
 */
export const parseWordNet = (contents: Readonly<Record<(typeof WORDNET_FILES)[number], string>>): WordNetGloss[] => {
  const glosses = WORDNET_FILES.flatMap((file) => parseWordNetData(contents[file], file));
  if (glosses.length === 0) {
    throw new DataError(
      "WordNet: expected the contents of data.noun and its like, got no gloss; check the dict folder",
    );
  }
  return glosses;
};
