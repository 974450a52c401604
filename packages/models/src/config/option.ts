/** One option of a configuration: its default, and its valid values. */
export interface Option<T> {
  readonly default: T;
  /** What fits, as an error says it: `a whole number ≥ 1`. */
  readonly expected: string;
  readonly fits: (value: unknown) => boolean;
  /** The largest that it may be, where it is a number. */
  readonly max?: number;
  /** Its name in `config.json`, where that is not its own in snake_case. */
  readonly key?: string;
  /** Whether `null`, which says nothing, is left out of `config.json`. */
  readonly leftOutWhenNull?: boolean;
}

/** Every option of a configuration, by its name in camelCase. */
export interface OptionTable {
  readonly [name: string]: Option<unknown>;
}

type ValueOf<O> = O extends Option<infer T> ? T : never;

/** What a user may give: any of the options. */
export type OptionsOf<T extends OptionTable> = { -readonly [Name in keyof T]?: ValueOf<T[Name]> };
/** What a configuration has: all of them. */
export type ValuesOf<T extends OptionTable> = { readonly [Name in keyof T]: ValueOf<T[Name]> };

/** Sizes and ids are int32 in every kernel. */
const MAX_INT32 = 2 ** 31 - 1;

export const wholeNumber = (min: number, fallback: number, max = MAX_INT32): Option<number> => ({
  default: fallback,
  max,
  expected: `a whole number ≥ ${min}`,
  fits: (value) => Number.isSafeInteger(value) && (value as number) >= min,
});

export const probability = (fallback: number): Option<number> => ({
  default: fallback,
  expected: "in [0, 1)",
  fits: (value) => typeof value === "number" && value >= 0 && value < 1,
});

export const positiveNumber = (fallback: number): Option<number> => ({
  default: fallback,
  expected: "a number > 0",
  fits: (value) => typeof value === "number" && value > 0 && Number.isFinite(value),
});

export const flag = (fallback: boolean): Option<boolean> => ({
  default: fallback,
  expected: "true or false",
  fits: (value) => typeof value === "boolean",
});

export const oneOf = <const T extends string>(names: readonly T[], fallback: NoInfer<T>): Option<T> => ({
  default: fallback,
  expected: `one of ${names.join(", ")}`,
  fits: (value) => names.includes(value as T),
});

/** The same, or `null`, which takes the place of the default. */
export const orNull = <T>(option: Option<T>): Option<T | null> => ({
  ...option,
  default: null,
  fits: (value) => value === null || option.fits(value),
});

/** The same, under another name in `config.json`. */
export const storedAs = <T>(key: string, option: Option<T>): Option<T> => ({ ...option, key });

/** The number of a token, several of them, or `null` for none: a file has any of these for the end of a text. */
export const tokenIds = (fallback: number | null): Option<number | readonly number[] | null> => {
  const { fits, expected } = wholeNumber(0, 0);
  return {
    default: fallback,
    expected: `${expected}, a list of them, or null`,
    fits: (value) =>
      value === null || fits(value) || (Array.isArray(value) && value.length > 0 && value.every((id) => fits(id))),
  };
};

/** A JSON object that a check of the whole configuration looks into, or `null`, which is left out of `config.json`. */
export const objectOrNull = (): Option<{ readonly [key: string]: unknown } | null> => ({
  default: null,
  expected: "an object or null",
  fits: (value) => value === null || (typeof value === "object" && !Array.isArray(value)),
  leftOutWhenNull: true,
});
