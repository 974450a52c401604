import { InvalidArgumentError, Option } from "commander";
import { nearestName } from "./nearest-name.ts";

const parseNumber = (text: string): number => (text.trim() === "" ? NaN : Number(text));

/** Makes a parser of whole numbers from `min` on. `1e6` and `1_000_000` are whole numbers too. */
export const parseWholeNumber =
  (min: number) =>
  (text: string): number => {
    const value = parseNumber(text.replaceAll("_", ""));
    if (Number.isSafeInteger(value) && value >= min) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min}.`);
  };

/** Parses a number above zero. */
export const parsePositiveNumber = (text: string): number => {
  const value = parseNumber(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("Expected a number above 0.");
};

/** Parses a number in (0, 1]. */
export const parseShare = (text: string): number => {
  const value = parseNumber(text);
  if (value > 0 && value <= 1) return value;
  throw new InvalidArgumentError("Expected a number above 0 and at most 1.");
};

/** Parses numbers in (0, 1], separated by commas. */
export const parseShares = (text: string): number[] => text.split(",").map(parseShare);

/** Makes a parser of whole numbers from `min` on, separated by commas. */
export const parseWholeNumbers =
  (min: number) =>
  (text: string): number[] =>
    text.split(",").map(parseWholeNumber(min));

/** Makes a parser of names out of some, separated by commas. */
export const parseChoices =
  <Name extends string>(names: readonly string[]) =>
  (text: string): Name[] => {
    const list = parseNames(text);
    const unknown = list.find((name) => !names.includes(name));
    if (unknown === undefined) return list as Name[];
    throw unknownName(unknown, names);
  };

const unknownName = (name: string, names: readonly string[]): InvalidArgumentError =>
  new InvalidArgumentError(`Expected ${names.join(" or ")}, got ${name}; did you mean ${nearestName(name, names)}?`);

/** An option that takes one of some names, which the help lists. */
export const createChoiceOption = (flags: string, text: string, names: readonly string[]): Option =>
  new Option(flags, text).choices(names).argParser((name: string) => {
    if (names.includes(name)) return name;
    throw unknownName(name, names);
  });

/** Parses distinct names, separated by commas. */
export const parseNames = (text: string): string[] => {
  const list = text.split(",").map((name) => name.trim());
  if (list.every((name) => name !== "") && new Set(list).size === list.length) return list;
  throw new InvalidArgumentError("Expected names with commas between, each once.");
};

/** Parses a regular expression without slashes around it. */
export const parsePattern = (text: string): RegExp => {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new InvalidArgumentError(`Expected a regular expression: ${(error as Error).message}.`);
  }
};
