import { DataError } from "./data-error.ts";

/**
 * A whole text, or its parts as they arrive: a file's stream,
 * `response.body.pipeThrough(new TextDecoderStream("utf-8", { fatal: true }))`.
 */
export type TextSource = string | Iterable<string> | AsyncIterable<string>;

/** A text and the index of its label. */
export interface LabelledText {
  text: string;
  label: number;
}

export interface LabelledTexts {
  /** The names of the labels: the order gives their indices. */
  labels: string[];
  examples: LabelledText[];
}

export interface TsvOptions {
  /** The labels that may occur, in the order of their indices. Default: those found, sorted. */
  labels?: readonly string[] | undefined;
  /** What errors call the file. Default `"TSV"`. */
  name?: string | undefined;
}

const BYTE_ORDER_MARK = "\ufeff";

/**
 * The lines of a text as they arrive. Lines end in `\n` or `\r\n`, the last one may lack it; a byte order mark is dropped.
 * A line may lie across any number of chunks.
 */
export async function* readLines(source: TextSource): AsyncGenerator<string, void, undefined> {
  const chunks = typeof source === "string" ? [source] : source;
  let pending: string[] = [];
  let first = true;
  const finish = (end: string): string => {
    let line = pending.length === 0 ? end : pending.join("") + end;
    pending = [];
    if (first && line.startsWith(BYTE_ORDER_MARK)) line = line.slice(1);
    first = false;
    return line.endsWith("\r") ? line.slice(0, -1) : line;
  };
  for await (const chunk of chunks) {
    let at = 0;
    for (let end = chunk.indexOf("\n"); end >= 0; end = chunk.indexOf("\n", at)) {
      yield finish(chunk.slice(at, end));
      at = end + 1;
    }
    if (at < chunk.length) pending.push(chunk.slice(at));
  }
  if (pending.length > 0) yield finish("");
}

/**
 * Reads a corpus: one text a line, blank lines left out.
 *
 * @throws {DataError} if no line has text
 *
 * @example
 * await readTextLines("first text\n\nsecond text\n"); // ["first text", "second text"]
 */
export const readTextLines = async (
  source: TextSource,
  { name = "text" }: { name?: string | undefined } = {},
): Promise<string[]> => {
  const texts: string[] = [];
  for await (const line of readLines(source)) if (line.trim() !== "") texts.push(line);
  if (texts.length === 0) {
    throw new DataError(`${name}: expected one text a line, got an empty file; check the path`);
  }
  return texts;
};

const quoted = (names: readonly string[]): string => {
  const shown = names.slice(0, 12).map((name) => JSON.stringify(name));
  return shown.join(", ") + (names.length > shown.length ? `, … (${names.length} labels)` : "");
};

/**
 * Reads labelled texts: `label<TAB>text` a line, blank lines left out. Further tabs belong to the text.
 *
 * @throws {DataError} with the number of the line: no tab, an empty label or text, a label that is not among `labels`
 *
 * @example
 * const { labels, examples } = await readTsv("spam\tBuy now\nham\tSee you at noon\n");
 * // labels: ["ham", "spam"], examples: [{ text: "Buy now", label: 1 }, { text: "See you at noon", label: 0 }]
 */
export const readTsv = async (source: TextSource, options: TsvOptions = {}): Promise<LabelledTexts> => {
  const { name = "TSV" } = options;
  const rows: { label: string; text: string }[] = [];
  const known = options.labels && new Set(options.labels);
  let number = 0;
  for await (const line of readLines(source)) {
    number++;
    if (line.trim() === "") continue;
    const fail = (expected: string, got: string, advice: string): never => {
      throw new DataError(`${name}, line ${number}: expected ${expected}, got ${got}; ${advice}`, number);
    };
    const tab = line.indexOf("\t");
    if (tab < 0) return fail("label<TAB>text", `no tab in ${excerpt(line)}`, "put a tab behind the label");
    const label = line.slice(0, tab).trim();
    const text = line.slice(tab + 1).trim();
    if (label === "") return fail("label<TAB>text", "an empty label", "name the label");
    if (text === "") return fail("label<TAB>text", "an empty text", "remove the line or give it a text");
    if (known && !known.has(label)) {
      return fail(`one of the labels ${quoted(options.labels!)}`, excerpt(label), "correct it or add it to the labels");
    }
    rows.push({ label, text });
  }
  if (rows.length === 0) {
    throw new DataError(`${name}: expected label<TAB>text a line, got an empty file; check the path`);
  }
  const labels = options.labels ? [...options.labels] : [...new Set(rows.map(({ label }) => label))].sort();
  const indices = new Map(labels.map((label, index) => [label, index]));
  return { labels, examples: rows.map(({ label, text }) => ({ text, label: indices.get(label)! })) };
};

const excerpt = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 39)}…` : text);
