import { codePointLength } from "./aligned-text.ts";
import {
  DAMAGED,
  fail,
  isObject,
  readFlag,
  readId,
  readList,
  readObject,
  readPart,
  readParts,
  readString,
  readTokenAndId,
  type PartReader,
  type Section,
} from "./section.ts";

/** What stands in an encoded text, in order: tokens of the model's, or one of the two texts. */
export type TemplateItem =
  { readonly ids: readonly number[]; readonly typeId: number } | { readonly sequence: 0 | 1; readonly typeId: number };

/** A token as a trimmer sees it. */
export interface PlacedToken {
  /** As the vocabulary writes it. */
  readonly token: string;
  readonly text: string;
  /** How many tokens of the text come before it. */
  readonly index: number;
}

/** A token's part of its text without the spaces around it. */
export type OffsetTrimmer = (token: PlacedToken, offsets: [start: number, end: number]) => [number, number];

/** What is put around a text and between two. */
export interface PostProcessor {
  readonly single: readonly TemplateItem[];
  readonly pair: readonly TemplateItem[];
  readonly trim?: OffsetTrimmer;
  /** Names and ids that the file gives, to be compared with the vocabulary. */
  readonly named: readonly (readonly [token: string, id: number])[];
}

const A: TemplateItem = { sequence: 0, typeId: 0 };
const B: TemplateItem = { sequence: 1, typeId: 1 };

/** Nothing around the texts. */
export const NO_POST_PROCESSOR: PostProcessor = { single: [A], pair: [A, B], named: [] };

const SPACES = /^[\p{White_Space}Ġ]*/u;
const SPACES_BEHIND = /[\p{White_Space}Ġ]*$/u;

/** ByteLevel's: a token's space is none of the text that it stands for; one that was put before the text is not there at all. */
const trimSpaces =
  (addPrefixSpace: boolean): OffsetTrimmer =>
  ({ token, text, index }, [start, end]) => {
    let leading = SPACES.exec(token)![0].length;
    let trailing = SPACES_BEHIND.exec(token)![0].length;
    // More than one space means that none was put before the text.
    if (leading === 1 && (index === 0 || start === 0) && addPrefixSpace) leading = 0;
    let from = start;
    for (; leading > 0 && from < end; leading--) from += codePointLength(text, from);
    let to = end;
    // A surrogate pair is one character.
    for (; trailing > 0 && to > from; trailing--) to -= to > 1 && codePointLength(text, to - 2) === 2 ? 2 : 1;
    return [from, Math.max(to, from)];
  };

const readRoberta = (path: string, section: Section): PostProcessor => {
  const sep = readTokenAndId(`${path}.sep`, section.sep);
  const cls = readTokenAndId(`${path}.cls`, section.cls);
  const trim = readFlag(`${path}.trim_offsets`, section.trim_offsets, true);
  const addPrefixSpace = readFlag(`${path}.add_prefix_space`, section.add_prefix_space, true);
  const [open, close] = [cls, sep].map(([, id]): TemplateItem => ({ ids: [id], typeId: 0 })) as [
    TemplateItem,
    TemplateItem,
  ];
  return {
    single: [open, A, close],
    pair: [open, A, close, close, { sequence: 1, typeId: 0 }, close],
    ...(trim ? { trim: trimSpaces(addPrefixSpace) } : {}),
    named: [sep, cls],
  };
};

const readBert = (path: string, section: Section): PostProcessor => {
  const sep = readTokenAndId(`${path}.sep`, section.sep);
  const cls = readTokenAndId(`${path}.cls`, section.cls);
  const open: TemplateItem = { ids: [cls[1]], typeId: 0 };
  const close: TemplateItem = { ids: [sep[1]], typeId: 0 };
  return {
    single: [open, A, close],
    pair: [open, A, close, B, { ids: [sep[1]], typeId: 1 }],
    named: [sep, cls],
  };
};

const readTemplate = (path: string, section: Section): PostProcessor => {
  const specials = readObject(`${path}.special_tokens`, section.special_tokens);
  const idsOf = (at: string, name: string): number[] => {
    if (!Object.hasOwn(specials, name)) return fail(at, "a token of special_tokens", name, DAMAGED);
    const where = `${path}.special_tokens[${JSON.stringify(name)}]`;
    return readList(`${where}.ids`, readObject(where, specials[name]).ids).map((id, i) =>
      readId(`${where}.ids[${i}]`, id),
    );
  };
  const readItem = (at: string, value: unknown): TemplateItem => {
    const item = readObject(at, value);
    if (isObject(item.SpecialToken)) {
      const { id, type_id: typeId } = item.SpecialToken;
      return {
        ids: idsOf(`${at}.SpecialToken.id`, readString(`${at}.SpecialToken.id`, id)),
        typeId: readId(`${at}.SpecialToken.type_id`, typeId),
      };
    }
    if (isObject(item.Sequence) && (item.Sequence.id === "A" || item.Sequence.id === "B")) {
      const typeId = readId(`${at}.Sequence.type_id`, item.Sequence.type_id);
      return { sequence: item.Sequence.id === "A" ? 0 : 1, typeId };
    }
    return fail(at, `{"SpecialToken": …}, or {"Sequence": …} with the id "A" or "B"`, value, DAMAGED);
  };
  const readTemplateOf = (key: "single" | "pair"): TemplateItem[] =>
    readList(`${path}.${key}`, section[key]).map((item, i) => readItem(`${path}.${key}[${i}]`, item));
  const [single, pair] = [readTemplateOf("single"), readTemplateOf("pair")];
  const has = (items: readonly TemplateItem[], sequence: 0 | 1): number =>
    items.filter((item) => "sequence" in item && item.sequence === sequence).length;
  if (has(single, 0) !== 1 || has(single, 1) !== 0)
    fail(`${path}.single`, "the sequence A once", section.single, DAMAGED);
  if (has(pair, 0) !== 1 || has(pair, 1) !== 1)
    fail(`${path}.pair`, "the sequences A and B once", section.pair, DAMAGED);
  return { single, pair, named: [] };
};

const isPlain = ({ single, pair }: PostProcessor): boolean => [...single, ...pair].every((item) => "sequence" in item);

/** One after the other. More than one that adds tokens is no template any more. */
const readSequence = (path: string, section: Section): PostProcessor => {
  const parts = readParts(postProcessors, path, section, "processors");
  const adding = parts.filter((one) => !isPlain(one));
  if (adding.length > 1) fail(path, "one post-processor that adds tokens", section, "more than one is not read here");
  const base = adding[0] ?? parts.at(-1) ?? NO_POST_PROCESSOR;
  const trims = parts.flatMap(({ trim }) => (trim ? [trim] : []));
  const { single, pair } = base;
  return {
    single,
    pair,
    ...(trims.length > 0 ? { trim: (token, offsets) => trims.reduce((done, trim) => trim(token, done), offsets) } : {}),
    named: parts.flatMap(({ named }) => named),
  };
};

/** Every post-processor by its type in `tokenizer.json`. */
export const postProcessors: Readonly<Record<string, PartReader<PostProcessor>>> = {
  RobertaProcessing: readRoberta,
  BertProcessing: readBert,
  TemplateProcessing: readTemplate,
  ByteLevel: (path, section) => {
    const addPrefixSpace = readFlag(`${path}.add_prefix_space`, section.add_prefix_space, true);
    return readFlag(`${path}.trim_offsets`, section.trim_offsets, true)
      ? { ...NO_POST_PROCESSOR, trim: trimSpaces(addPrefixSpace) }
      : NO_POST_PROCESSOR;
  },
  Sequence: readSequence,
};

/** The post-processor of a file, or nothing. */
export const readPostProcessor = (path: string, value: unknown): PostProcessor =>
  value === null || value === undefined ? NO_POST_PROCESSOR : readPart(postProcessors, path, value);
