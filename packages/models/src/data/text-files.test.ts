import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readTextFile, readTsvFile, readWordNetFolder } from "./node-files.ts";
import { readLines, readTextLines, readTsv, type TextSource } from "./text-files.ts";

const lines = async (source: TextSource): Promise<string[]> => {
  const found: string[] = [];
  for await (const line of readLines(source)) found.push(line);
  return found;
};

async function* arriving(chunks: string[]): AsyncGenerator<string, void, undefined> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
}

describe("lines", () => {
  test.each<[text: string, lines: string[]]>([
    ["", []],
    ["a", ["a"]],
    ["a\n", ["a"]],
    ["a\r\nb\r\n", ["a", "b"]],
    ["\n\na\rb\n", ["", "", "a\rb"]],
    ["\ufeffa\n\ufeffb", ["a", "\ufeffb"]],
    ["\ufeff", [""]],
    ["a\u2028b\u0085c", ["a\u2028b\u0085c"]],
  ])("of %j, whole or in pieces", async (text, expected) => {
    expect(await lines(text)).toEqual(expected);
    expect(await lines(text.split(""))).toEqual(expected);
    expect(await lines(arriving(["", ...text.split(""), ""]))).toEqual(expected);
  });
});

describe("a corpus", () => {
  test("is one text a line, blank lines left out", async () => {
    expect(await readTextLines("one\n\n  \n two \n")).toEqual(["one", " two "]);
  });

  test("without text is an error", async () => {
    await expect(readTextLines(" \n\n", { name: "my.txt" })).rejects.toThrow(
      expect.objectContaining({
        name: "DataError",
        message: "my.txt: expected one text a line, got an empty file; check the path",
      }),
    );
  });
});

describe("TSV", () => {
  test("labels are those found, sorted, or those given, in their order", async () => {
    const text = "spam\tBuy\tnow\r\n\nham\t See you \nspam\tOnly today";
    const found = await readTsv(arriving(text.split(/(?<=o)/)));
    expect(found).toEqual({
      labels: ["ham", "spam"],
      examples: [
        { text: "Buy\tnow", label: 1 },
        { text: "See you", label: 0 },
        { text: "Only today", label: 1 },
      ],
    });
    const given = await readTsv(text, { labels: ["spam", "eggs", "ham"] });
    expect(given.labels).toEqual(["spam", "eggs", "ham"]);
    expect(given.examples.map(({ label }) => label)).toEqual([0, 2, 0]);
  });

  const labels = Array.from({ length: 14 }, (_, i) => `l${i}`);
  test.each<[what: string, text: string, line: number | undefined, message: string]>([
    [
      "an unknown label",
      "l1\tx\n\nl99\ty",
      3,
      't.tsv, line 3: expected one of the labels "l0", "l1", "l2", "l3", "l4", "l5", "l6", "l7", "l8", "l9", "l10", "l11", … (14 labels), got "l99"; correct it or add it to the labels',
    ],
    [
      "no tab",
      "l1\tx\nl2 y",
      2,
      't.tsv, line 2: expected label<TAB>text, got no tab in "l2 y"; put a tab behind the label',
    ],
    [
      "a long line without a tab",
      "x".repeat(99),
      1,
      `t.tsv, line 1: expected label<TAB>text, got no tab in "${"x".repeat(39)}…"; put a tab behind the label`,
    ],
    ["an empty label", "\tx", 1, "t.tsv, line 1: expected label<TAB>text, got an empty label; name the label"],
    [
      "an empty text",
      "l1\tx\r\nl2\t \r\n",
      2,
      "t.tsv, line 2: expected label<TAB>text, got an empty text; remove the line or give it a text",
    ],
    ["an empty file", "\n", undefined, "t.tsv: expected label<TAB>text a line, got an empty file; check the path"],
  ])("%s is an error with its line", async (_, text, line, message) => {
    await expect(readTsv(text, { labels, name: "t.tsv" })).rejects.toThrow(
      expect.objectContaining({ name: "DataError", message, line }),
    );
  });
});

describe("files", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tessera-text-files-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("are read, characters across chunks included", async () => {
    const path = join(folder, "corpus.txt");
    const text = "日本語のテキスト😀";
    // An odd first line moves every later character across the chunks' borders (1 MiB) in turn.
    const corpus = ["x", ...Array.from({ length: 120_000 }, () => text)];
    await writeFile(path, corpus.join("\n"));
    expect(await readTextFile(path)).toEqual(corpus);
  });

  test("TSV errors name the file", async () => {
    const path = join(folder, "bad.tsv");
    await writeFile(path, "a\tb\nc\n");
    await expect(readTsvFile(path)).rejects.toThrow(/^bad\.tsv, line 2: expected label<TAB>text, got no tab in "c"/);
    await writeFile(path, "a\tb\n");
    expect((await readTsvFile(path, { labels: ["b", "a"] })).examples).toEqual([{ text: "b", label: 1 }]);
  });

  test("that do not exist are an error", async () => {
    const path = join(folder, "none.txt");
    const error = expect.objectContaining({
      name: "DataError",
      message: `${path}: expected a file that can be read, got ENOENT; check the path`,
    }) as Error;
    await expect(readTextFile(path)).rejects.toThrow(error);
    await expect(readTsvFile(path)).rejects.toThrow(error);
    await expect(readWordNetFolder(folder)).rejects.toThrow(/data\.\w+: expected a file that can be read, got ENOENT/);
  });

  test("a dict folder is read in WordNet's order", async () => {
    for (const [kind, file] of [
      ["noun", "05"],
      ["verb", "29"],
      ["adj", "00"],
      ["adv", "02"],
    ]) {
      await writeFile(
        join(folder, `data.${kind}`),
        `  1 licence\n00001740 ${file} n 01 word_${kind} 0 000 | gloss of ${kind}  \n`,
      );
    }
    expect((await readWordNetFolder(folder)).map(({ lexicographerFile, lemma }) => [lexicographerFile, lemma])).toEqual(
      [
        ["noun.animal", "word noun"],
        ["verb.body", "word verb"],
        ["adj.all", "word adj"],
        ["adv.all", "word adv"],
      ],
    );
  });
});

describe("files of another encoding or kind", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tessera-text-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const fileOf = async (content: Uint8Array): Promise<string> => {
    const path = join(folder, "given.txt");
    await writeFile(path, content);
    return path;
  };

  test("Latin-1 is refused with its line, not read with signs in its letters' place", async () => {
    const path = await fileOf(Buffer.from("a\tb\nc\tcaf\xe9\n", "latin1"));
    for (const read of [readTextFile(path), readTsvFile(path)])
      await expect(read).rejects.toThrow(
        expect.objectContaining({
          name: "DataError",
          line: 2,
          message: expect.stringMatching(
            /^given.txt: expected a text in UTF-8, got 0xe9 .* \(line 2, byte 9\)/,
          ) as string,
        }),
      );
  });

  test("UTF-16 is called by its name", async () => {
    await expect(readTextFile(await fileOf(Buffer.from("\ufeffhi\n", "utf16le")))).rejects.toThrow(
      /UTF-16 \(little endian\)/,
    );
    await expect(readTsvFile(await fileOf(new Uint8Array([0xfe, 0xff, 0, 0x61, 0, 9])))).rejects.toThrow(
      /UTF-16 \(big endian\)/,
    );
  });

  test("a pointer of Git LFS and an archive are called by their names", async () => {
    const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n";
    await expect(readTextFile(await fileOf(Buffer.from(pointer)))).rejects.toThrow(/a pointer of Git LFS/);
    await expect(readTsvFile(await fileOf(new Uint8Array([0x1f, 0x8b, 8, 0])))).rejects.toThrow(/a gzip archive/);
  });

  test("a mark, U+FFFD itself, and characters across chunks are read", async () => {
    const long = `${"a".repeat(2 ** 20 - 1)}é日`;
    const path = await fileOf(Buffer.from(`\ufeffx \ufffd\n${long}\n`));
    expect(await readTextFile(path)).toEqual(["x \ufffd", long]);
  });
});
