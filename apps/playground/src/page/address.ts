import { choices, defaultConfiguration, type Configuration } from "../engine/configuration.ts";
import { blockSizes, criterionTitles, defaultSparsity, methods, type Sparsity } from "../engine/sparsity.ts";

/** What a link carries. */
export interface Address {
  readonly configuration: Configuration;
  readonly sparsity: Sparsity;
}

type Words = Record<string, string | number | boolean>;

/** Those of `values` that differ from the defaults. */
const changes = (values: object, defaults: object): [string, string][] =>
  Object.entries(values as Words).flatMap(([key, value]) =>
    value === (defaults as Words)[key] ? [] : [[key, String(value)] as [string, string]],
  );

/** The part of a link behind `#`: what differs from the defaults, and nothing else. */
export const writeAddress = ({ configuration, sparsity }: Address): string =>
  new URLSearchParams([
    ...changes(configuration, defaultConfiguration),
    ...changes(sparsity, defaultSparsity),
  ]).toString();

const oneOf = <T>(value: string | null, allowed: readonly T[], otherwise: T): T =>
  allowed.find((one) => String(one) === value) ?? otherwise;

const numberIn = (value: string | null, min: number, max: number, otherwise: number): number => {
  const number = value === null || value.trim() === "" ? NaN : Number(value);
  return number >= min && number <= max ? number : otherwise;
};

/** Reads a link; what it does not say, or says wrongly, is the default. */
export const readAddress = (hash: string): Address => {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const configuration = Object.fromEntries(
    Object.entries(choices).map(([key, allowed]) => [
      key,
      oneOf<unknown>(words.get(key), allowed, defaultConfiguration[key as keyof Configuration]),
    ]),
  ) as unknown as Configuration;
  const { density, blockSize, criterion, method, over, every, fraction, twin, pattern } = defaultSparsity;
  return {
    configuration,
    sparsity: {
      pattern: words.get("pattern") ?? pattern,
      density: numberIn(words.get("density"), 0.05, 1, density),
      blockSize: oneOf<number>(words.get("blockSize"), blockSizes, blockSize),
      criterion: oneOf(words.get("criterion"), Object.keys(criterionTitles) as Sparsity["criterion"][], criterion),
      method: oneOf(words.get("method"), Object.keys(methods) as Sparsity["method"][], method),
      over: Math.round(numberIn(words.get("over"), 20, 5000, over)),
      every: Math.round(numberIn(words.get("every"), 5, 1000, every)),
      fraction: numberIn(words.get("fraction"), 0.01, 0.5, fraction),
      twin: words.get("twin") === null ? twin : words.get("twin") === "true",
    },
  };
};
