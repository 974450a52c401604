import { parseStrictJson } from "@tessera/tensor/files";
import { DataError } from "./data-error.ts";
import { readLines, type TextSource } from "./text-files.ts";

/**
 * The values of JSON Lines as they arrive: one a line, blank lines left out.
 *
 * @throws {DataError} with the number of the line: no JSON, or a key that stands twice in one object
 *
 * @example
 * for await (const value of readJsonLines('{"text": "a", "label": 0}\n')) console.log(value); // { text: "a", label: 0 }
 *
 * Source: {@link https://jsonlines.org JSON Lines}.
 */
export async function* readJsonLines(
  source: TextSource,
  { name = "JSONL" }: { name?: string | undefined } = {},
): AsyncGenerator<unknown, void, undefined> {
  let number = 0;
  for await (const line of readLines(source)) {
    number++;
    if (line.trim() === "") continue;
    let value: unknown;
    try {
      value = parseStrictJson(line);
    } catch (cause) {
      const shown = JSON.stringify(line.length > 40 ? `${line.slice(0, 39)}…` : line);
      throw new DataError(
        `${name}, line ${number}: expected a JSON value, got ${shown} (${(cause as Error).message}); write one value a line`,
        number,
        { cause },
      );
    }
    yield value;
  }
}
