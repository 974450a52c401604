import { DataError } from "./data-error.ts";
import type { TextSource } from "./text-files.ts";

export interface DelimitedOptions {
  /** Between the fields of a row. Default `","`. */
  delimiter?: string | undefined;
  /** Whether fields may stand in double quotes, with delimiters, line ends and doubled quotes inside. Default true. */
  quotes?: boolean | undefined;
  /** What errors call the file. Default `"CSV"`. */
  name?: string | undefined;
}

/**
 * The rows of delimited text as they arrive, by RFC 4180: fields in double quotes may hold delimiters, line ends and doubled quotes; rows end
 * in `\n` or `\r\n`. Empty lines are left out, a byte order mark is dropped. All rows have as many fields as the first.
 *
 * @throws {DataError} with the number of the line: another number of fields, text behind a closing quote, a quote that never closes
 *
 * @example
 * for await (const [label, text] of readRows('1,"a, b"\n0,c\n')) console.log(label, text); // 1 a, b … 0 c
 *
 * Source: {@link https://www.rfc-editor.org/rfc/rfc4180 RFC 4180}.
 */
export async function* readRows(
  source: TextSource,
  { delimiter = ",", quotes = true, name = "CSV" }: DelimitedOptions = {},
): AsyncGenerator<string[], void, undefined> {
  if (delimiter.length !== 1 || /["\r\n]/.test(delimiter))
    throw new DataError(
      `${name}: expected a delimiter of one character, got ${JSON.stringify(delimiter)}; use "," or "\\t"`,
    );
  const parser = new RowParser(delimiter, quotes, name);
  for await (const chunk of typeof source === "string" ? [source] : source) yield* parser.read(chunk);
  yield* parser.end();
}

/** {@link readRows} whose first row names the fields. @throws {DataError} also if a name stands twice, or there is no row of names */
export async function* readRecords(
  source: TextSource,
  options: DelimitedOptions = {},
): AsyncGenerator<Record<string, string>, void, undefined> {
  const { name = "CSV" } = options;
  let names: string[] | null = null;
  for await (const row of readRows(source, options)) {
    if (names === null) {
      const twice = row.find((field, i) => row.indexOf(field) !== i);
      if (twice !== undefined)
        throw new DataError(
          `${name}, line 1: expected a name for each field, got ${JSON.stringify(twice)} twice; rename one`,
          1,
        );
      names = row;
      continue;
    }
    yield Object.fromEntries(names.map((field, i) => [field, row[i]!]));
  }
  if (names === null) throw new DataError(`${name}: expected a row of names, got an empty file; check the path`);
}

/** Where a field is being read. */
type Place = "start" | "bare" | "quoted" | "closed";

class RowParser {
  private place: Place = "start";
  private row: string[] = [];
  private parts: string[] = [];
  private width: number | null = null;
  private line = 1;
  private rowLine = 1;
  private isFirst = true;
  /** A line end is `\r\n` only if what follows says so. */
  private carriage = false;

  constructor(
    private readonly delimiter: string,
    private readonly quotes: boolean,
    private readonly name: string,
  ) {}

  *read(chunk: string): Generator<string[], void, undefined> {
    let text = this.carriage ? `\r${chunk}` : chunk;
    this.carriage = false;
    if (this.isFirst && text !== "") {
      if (text.startsWith("\ufeff")) text = text.slice(1);
      this.isFirst = false;
    }
    let from = 0;
    for (let at = 0; at < text.length; at++) {
      const char = text[at]!;
      if (this.place === "quoted") {
        if (char === "\n") this.line++;
        if (char !== '"') continue;
        this.parts.push(text.slice(from, at));
        this.place = "closed";
        from = at + 1;
        continue;
      }
      if (char === '"' && this.quotes && this.place === "start" && at === from) {
        this.place = "quoted";
        from = at + 1;
      } else if (char === '"' && this.place === "closed") {
        // Two quotes are one; the field goes on.
        this.parts.push('"');
        this.place = "quoted";
        from = at + 1;
      } else if (char === this.delimiter) {
        this.endField(text.slice(from, at));
        from = at + 1;
      } else if (char === "\n") {
        const end = at > from && text[at - 1] === "\r" ? at - 1 : at;
        yield* this.endRow(text.slice(from, end));
        from = at + 1;
      } else if (char === "\r" && at === text.length - 1) {
        this.parts.push(text.slice(from, at));
        this.carriage = true;
        return;
      } else if (this.place === "closed" && !(char === "\r" && text[at + 1] === "\n")) {
        this.fail(
          "a delimiter or the end of the row behind a closing quote",
          JSON.stringify(char),
          "double the quotes inside of a field",
        );
      } else if (this.place === "start") this.place = "bare";
    }
    this.parts.push(text.slice(from));
  }

  *end(): Generator<string[], void, undefined> {
    if (this.place === "quoted")
      this.fail("a closing quote", "the end of the file", "close the field that begins in this row");
    if (this.row.length > 0 || this.parts.some((part) => part !== "") || this.place !== "start") yield* this.endRow("");
  }

  private endField(last: string): void {
    this.row.push(this.parts.length === 0 ? last : this.parts.join("") + last);
    this.parts = [];
    this.place = "start";
  }

  private *endRow(last: string): Generator<string[], void, undefined> {
    const isQuoted = this.place === "closed";
    this.endField(last);
    const { row, rowLine } = this;
    this.row = [];
    this.line++;
    this.rowLine = this.line;
    if (row.length === 1 && row[0] === "" && !isQuoted) return;
    this.width ??= row.length;
    if (row.length !== this.width) {
      const advice = "quote fields that hold the delimiter";
      throw new DataError(
        `${this.name}, line ${rowLine}: expected ${this.width} fields as in the first row, got ${row.length}; ${advice}`,
        rowLine,
      );
    }
    yield row;
  }

  private fail(expected: string, got: string, advice: string): never {
    const { name, rowLine } = this;
    throw new DataError(`${name}, line ${rowLine}: expected ${expected}, got ${got}; ${advice}`, rowLine);
  }
}
