import { describe, expect, test } from "vitest";
import { readRecords, readRows, type DelimitedOptions } from "./delimited.ts";
import { readJsonLines } from "./json-lines.ts";

const all = async <T>(values: AsyncIterable<T>): Promise<T[]> => {
  const out: T[] = [];
  for await (const value of values) out.push(value);
  return out;
};
/** In chunks of every length: what is read may not depend on where they end. */
const chunked = (text: string, size: number): string[] =>
  Array.from({ length: Math.ceil(text.length / size) }, (_, i) => text.slice(i * size, (i + 1) * size));

describe("rows", () => {
  test.each<[text: string, rows: string[][], options?: DelimitedOptions]>([
    [
      "a,b\nc,d\n",
      [
        ["a", "b"],
        ["c", "d"],
      ],
    ],
    [
      "a,b\r\nc,d",
      [
        ["a", "b"],
        ["c", "d"],
      ],
    ],
    [
      '"a,b","c\nd"\n"e""f",g\n',
      [
        ["a,b", "c\nd"],
        ['e"f', "g"],
      ],
    ],
    [
      '"a\r\nb",""\r\n"",c\r\n',
      [
        ["a\r\nb", ""],
        ["", "c"],
      ],
    ],
    [
      "\ufeffa,b\n\n\nc,d\n\n",
      [
        ["a", "b"],
        ["c", "d"],
      ],
    ],
    [
      "a,\n,b\n",
      [
        ["a", ""],
        ["", "b"],
      ],
    ],
    ['a"b,c"\n', [['a"b', 'c"']]],
    ['""\n', [[""]]],
    ['a\t"b\n', [["a", '"b']], { delimiter: "\t", quotes: false }],
    ["a\rb,c\n", [["a\rb", "c"]]],
    ["a,b\r", [["a", "b"]]],
    ['"x"\r\n"y"\r', [["x"], ["y"]]],
    [
      "é,日本\n😀,z\n",
      [
        ["é", "日本"],
        ["😀", "z"],
      ],
    ],
    ["", []],
  ])("of %j, whatever the chunks", async (text, rows, options = {}) => {
    for (const size of [1, 2, 3, 1000]) expect(await all(readRows(chunked(text, size), options))).toEqual(rows);
    expect(await all(readRows(text, options))).toEqual(rows);
  });

  test.each<[text: string, message: string, options?: DelimitedOptions]>([
    ["a,b\nc\n", "CSV, line 2: expected 2 fields as in the first row, got 1; quote fields that hold the delimiter"],
    ['"a\n\nb",c\nd\n', "CSV, line 4: expected 2 fields as in the first row, got 1"],
    ['a,b\n"c"d,e\n', 'CSV, line 2: expected a delimiter or the end of the row behind a closing quote, got "d"'],
    ['a\n"b\nc', "CSV, line 2: expected a closing quote, got the end of the file; close the field"],
    ["a", 'spam.csv: expected a delimiter of one character, got "::"', { delimiter: "::", name: "spam.csv" }],
  ])("of %j are refused with their line", async (text, message, options = {}) => {
    for (const size of [1, 1000]) await expect(all(readRows(chunked(text, size), options))).rejects.toThrow(message);
  });

  test("with names are records", async () => {
    expect(await all(readRecords('label,text\n1,"a, b"\n0,c\n'))).toEqual([
      { label: "1", text: "a, b" },
      { label: "0", text: "c" },
    ]);
    await expect(all(readRecords("a,a\n1,2\n"))).rejects.toThrow(
      'CSV, line 1: expected a name for each field, got "a" twice',
    );
    await expect(all(readRecords("\n"))).rejects.toThrow("CSV: expected a row of names, got an empty file");
  });
});

describe("JSON Lines", () => {
  test("are values, one a line", async () => {
    expect(await all(readJsonLines('{"a": 1}\r\n\n[2]\n"é"'))).toEqual([{ a: 1 }, [2], "é"]);
  });

  test("that are none are refused with their line", async () => {
    await expect(all(readJsonLines('{"a": 1}\n{"a": \n', { name: "x.jsonl" }))).rejects.toThrow(
      /^x.jsonl, line 2: expected a JSON value, got "{\\"a\\": " \(/,
    );
    await expect(all(readJsonLines('{"a": 1, "a": 2}'))).rejects.toThrow(/line 1: .*stands twice/);
  });
});
