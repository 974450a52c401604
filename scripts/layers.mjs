// The arrow between the packages, said once: the lint rule, the structure check and the tests read it from here.
import { readFileSync } from "node:fs";

/** A package may import any package to its right and none to its left. */
export const arrow = ["models", "sparse", "nn", "autograd", "tensor"];

/** Applications, in the folder apps: they may import every package, and no package may import them. */
export const apps = ["cli", "examples", "playground"];

/** Packages that `name` may import. */
export const mayImport = (name) => arrow.slice(arrow.indexOf(name) + 1);

/** Why `from` may not import `to`. */
export const whyNot = (from, to) =>
  `@tessera/${from} may not import @tessera/${to}: the arrow is ${arrow.join(" -> ")}`;

/** Why a package may not import an application. */
export const whyNoApp = (from, app) =>
  `@tessera/${from} may not import @tessera/${app}: applications import packages, never the other way round`;

/**
 * Entries that a package exports to everyone. What has no `default` is not among them: by `./internal/*` tests and benches reach what is not
 * public, and no installed package has it.
 */
const publicEntries = (name) => {
  const { exports } = JSON.parse(readFileSync(new URL(`../packages/${name}/package.json`, import.meta.url), "utf8"));
  return Object.keys(exports).filter((entry) => typeof exports[entry] === "string" || exports[entry].default);
};

/** For packages and applications: what a package of ours exports to everyone, and nothing else. */
const publicPatterns = arrow.map((name) => {
  const entries = publicEntries(name);
  const paths = entries.map((entry) => entry.slice(1).replaceAll(".", "\\.").replace("*", "[^/]+"));
  return {
    regex: `^@tessera/${name}(?!(${paths.join("|")})$|/(src|dist)(/|$))`,
    message: `@tessera/${name} exports ${entries.join(" ")} to everyone: a package of ours needs no more; export what is missing, if others may use it`,
  };
});

/** Options of `no-restricted-imports` for the sources of one package. */
export const layerPatterns = (name) => [
  ...arrow
    .filter((other) => other !== name && !mayImport(name).includes(other))
    .map((other) => ({ regex: `^@tessera/${other}(/|$)`, message: whyNot(name, other) })),
  ...apps.map((app) => ({ regex: `^(@tessera|(\\.\\./)+apps)/${app}(/|$)`, message: whyNoApp(name, app) })),
  {
    regex: `^@tessera/${name}(/|$)`,
    message: `inside @tessera/${name} import the file itself, by its relative path`,
  },
  ...publicPatterns,
  ...deepPatterns,
];

/** Options of `no-restricted-imports` for the sources of one application: packages by their exports, and no other application. */
export const appPatterns = (name) => [
  { regex: `^@tessera/${name}(/|$)`, message: `inside @tessera/${name} import the file itself, by its relative path` },
  ...apps
    .filter((other) => other !== name)
    .map((other) => ({
      regex: `^@tessera/${other}(/|$)`,
      message: `@tessera/${name} may not import @tessera/${other}: an application imports packages alone`,
    })),
  ...publicPatterns,
  ...deepPatterns,
];

/** For everyone: other packages are seen through their exports only. */
export const deepPatterns = [
  {
    regex: "^@tessera/[^/]+/(src|dist)(/|$)",
    message: "import what the package exports, not its files: what is not exported may change any day",
  },
  {
    regex: "^(\\.\\./)+((packages|apps)/)?(tensor|autograd|nn|sparse|models|cli)/(src|dist)(/|$)",
    message: "import the package by its name (@tessera/…): a relative path jumps over its exports and its dependencies",
  },
];
