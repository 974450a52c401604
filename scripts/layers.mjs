// The arrow between the packages, said once: the lint rule, the structure check and the tests read it from here.

/** A package may import any package to its right and none to its left. */
export const arrow = ["models", "sparse", "nn", "autograd", "tensor"];

/** Packages that `name` may import. */
export const mayImport = (name) => arrow.slice(arrow.indexOf(name) + 1);

/** Why `from` may not import `to`. */
export const whyNot = (from, to) =>
  `@tessera/${from} may not import @tessera/${to}: the arrow is ${arrow.join(" -> ")}`;

/** Options of `no-restricted-imports` for the sources of one package. */
export const layerPatterns = (name) => [
  ...arrow
    .filter((other) => other !== name && !mayImport(name).includes(other))
    .map((other) => ({ regex: `^@tessera/${other}(/|$)`, message: whyNot(name, other) })),
  {
    regex: `^@tessera/${name}(/|$)`,
    message: `inside @tessera/${name} import the file itself, by its relative path`,
  },
  ...deepPatterns,
];

/** For everyone: other packages are seen through their exports only. */
export const deepPatterns = [
  {
    regex: "^@tessera/[^/]+/(src|dist)(/|$)",
    message: "import what the package exports, not its files: what is not exported may change any day",
  },
  {
    regex: "^(\\.\\./)+(packages/)?(tensor|autograd|nn|sparse|models)/(src|dist)(/|$)",
    message: "import the package by its name (@tessera/…): a relative path jumps over its exports and its dependencies",
  },
];
