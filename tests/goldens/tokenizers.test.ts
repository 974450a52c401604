// What Hugging Face's tokenizers make of lines and of strings that are hard to cut, for each kind of tokenizer.
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { checkTokenizer, tokenizerFolders } from "./tokenizer.ts";

const folders = tokenizerFolders(fileURLToPath(new URL("../../goldens", import.meta.url)));

test("there are goldens of every kind", () => expect(folders).toHaveLength(13));

test.each(folders.map((folder) => [basename(folder), folder] as const))("%s", (_, folder) => {
  const results = [...checkTokenizer(folder)];
  expect(results.length).toBeGreaterThan(20);
  expect(results.filter((result) => "missing" in result || result.failures.length > 0)).toEqual([]);
});
