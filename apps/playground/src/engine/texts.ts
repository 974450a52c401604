/** What there is to read: a file beside the page, or what the visitor brings. */
export const texts = {
  wordnet: {
    title: "WordNet: what words mean",
    file: "texts/wordnet.txt.gz",
    sentence: "a small <mask> that eats seeds",
  },
  own: { title: "Your own text", file: null, sentence: "" },
} as const satisfies { readonly [name: string]: { title: string; file: string | null; sentence: string } };

export type TextName = keyof typeof texts;

/** Texts to train on, and texts that are only tested on. */
export interface Corpus {
  readonly train: readonly string[];
  readonly heldOut: readonly string[];
}

/** A line of this alone stands between the two parts of a file. */
const DIVIDER = "=== held out ===";

/** One of so many lines of a visitor's text is held out. */
const HELD_OUT_EVERY = 20;
/** A text of fewer characters has nothing to learn from. */
export const MIN_OWN_CHARACTERS = 2000;

const linesOf = (text: string): string[] => text.split("\n").filter((line) => line.trim() !== "");

/** The parts of a shipped file. */
const splitFile = (text: string): Corpus => {
  const [train = "", heldOut = ""] = text.split(`\n${DIVIDER}\n`);
  return { train: linesOf(train), heldOut: linesOf(heldOut) };
};

/**
 * Parts of any text: its lines, or its sentences where a line is long. Every twentieth is held out.
 *
 * @throws RangeError when there is too little to learn from
 */
export const splitOwnText = (text: string): Corpus => {
  if (text.trim().length < MIN_OWN_CHARACTERS)
    throw new RangeError(
      `This text has ${text.trim().length} characters. Bring at least ${MIN_OWN_CHARACTERS}: a chapter, a page of notes, some code.`,
    );
  const parts = linesOf(text).flatMap((line) => (line.length > 400 ? line.split(/(?<=[.!?])\s+/) : [line]));
  return {
    train: parts.filter((_, i) => i % HELD_OUT_EVERY !== 0),
    heldOut: parts.filter((_, i) => i % HELD_OUT_EVERY === 0),
  };
};

/** The bytes of a file that comes with the page. @throws Error that names it when it cannot be had */
export const fetchFile = async (file: string, base: string): Promise<Response> => {
  const response = await fetch(new URL(file, base)).catch((cause: unknown) => {
    throw new Error(`${file} could not be loaded: the connection failed. Reload the page to try again.`, { cause });
  });
  if (!response.ok || !response.body)
    throw new Error(`${file} could not be loaded: the host answered ${response.status}. Is the whole folder there?`);
  return response;
};

/** Reads a shipped text. Hosts may unpack a .gz file on the way by themselves: its first bytes say so. */
export const loadText = async (name: Exclude<TextName, "own">, base: string): Promise<Corpus> => {
  const bytes = new Uint8Array(await (await fetchFile(texts[name].file, base)).arrayBuffer());
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const stream = new Blob([bytes]).stream();
  const text = packed ? stream.pipeThrough(new DecompressionStream("gzip")) : stream;
  return splitFile(await new Response(text).text());
};
