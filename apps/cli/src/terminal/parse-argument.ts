import { InvalidArgumentError } from "commander";

const number = (text: string): number => (text.trim() === "" ? NaN : Number(text));

/** A whole number of at least `least`. `1e6` and `1_000_000` are whole numbers too. */
export const wholeNumber =
  (least: number) =>
  (text: string): number => {
    const value = number(text.replaceAll("_", ""));
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${least}.`);
  };

/** A number above zero. */
export const positiveNumber = (text: string): number => {
  const value = number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("Expected a number above 0.");
};

/** A number in (0, 1]. */
export const share = (text: string): number => {
  const value = number(text);
  if (value > 0 && value <= 1) return value;
  throw new InvalidArgumentError("Expected a number above 0 and at most 1.");
};

/** Numbers in (0, 1], with commas between. */
export const shares = (text: string): number[] => text.split(",").map(share);

/** Names with commas between, each once. */
export const names = (text: string): string[] => {
  const list = text.split(",").map((name) => name.trim());
  if (list.every((name) => name !== "") && new Set(list).size === list.length) return list;
  throw new InvalidArgumentError("Expected names with commas between, each once.");
};

/** A regular expression, without slashes around it. */
export const pattern = (text: string): RegExp => {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new InvalidArgumentError(`Expected a regular expression: ${(error as Error).message}.`);
  }
};
