// What every entry of every package exports, members of its classes included: a new public name is a line in exports.txt, and a decision.
// `npx vitest run --project node tests/api/exports.test.ts -u` writes the file anew. Ops and functions of the families are not in it: they are
// listed in docs/generated/ops.md, which another test compares.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ones, scope, Tensor, zeros } from "@tessera/tensor";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folders = [
  "packages/tensor",
  "packages/autograd",
  "packages/nn",
  "packages/sparse",
  "packages/models",
  "apps/cli",
];

interface Entry {
  /** As users import it. */
  readonly specifier: string;
  readonly file: string;
}
type Target = string | { readonly "@tessera/source": string; readonly default?: string };

/** The files that fit a path with one star, or with the same one twice, and what the star stands for. */
const filesOf = (folder: string, pattern: string): [file: string, star: string][] => {
  if (!pattern.includes("*")) return [[join(root, folder, pattern), ""]];
  const fits = new RegExp(`^${pattern.replaceAll(".", "\\.").replace("*", "([^/]+)").replace("*", "\\1")}$`);
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((path) => `./${path.replaceAll("\\", "/")}`)
    .flatMap((path) => {
      const star = fits.exec(path)?.[1];
      return star === undefined ? [] : [[join(root, folder, path), star] as [string, string]];
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
};

/** Everything with code that is published. What has no `default` is for the monorepo alone. */
const entries: readonly Entry[] = folders.flatMap((folder) => {
  const { name, exports } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as {
    name: string;
    exports: { readonly [path: string]: Target };
  };
  return Object.entries(exports).flatMap(([path, target]) => {
    const source = typeof target === "string" ? target : target.default && target["@tessera/source"];
    if (!source || path === "./package.json") return [];
    return filesOf(folder, source).map(([file, star]) => ({
      specifier: `${name}${path.slice(1).replace("*", star)}`,
      file,
    }));
  });
});
const isAssembly = ({ file }: Entry): boolean => file.endsWith(".as.ts");

const program = ts.createProgram(
  entries.filter((entry) => !isAssembly(entry)).map(({ file }) => file),
  {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    noEmit: true,
    types: [],
    strict: true,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    allowImportingTsExtensions: true,
    customConditions: ["@tessera/source"],
  },
);
const checker = program.getTypeChecker();

const targetOf = (symbol: ts.Symbol): ts.Symbol =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
const exportsOf = (file: string): ts.Symbol[] =>
  checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)!)!);

/** What docs/generated/ops.md lists: functions of the families, and at their entries op values and fused backwards too. */
const functions = new Set(exportsOf(join(root, "packages/tensor/src/generated/functions.ts")).map(targetOf));
const isListedWithOps = (entry: Entry, symbol: ts.Symbol): boolean =>
  (/^@tessera\/tensor(\/ops\/\w+)?$/.test(entry.specifier) &&
    functions.has(targetOf(symbol)) &&
    (targetOf(symbol).flags & ts.SymbolFlags.Value) !== 0) ||
  (entry.specifier.startsWith("@tessera/tensor/ops/") && /(Op|Backward)$/.test(symbol.name));

/** A class's own members that others can see, each on a line below it. */
const membersOf = (symbol: ts.Symbol): string[] => {
  if (!(symbol.flags & ts.SymbolFlags.Class)) return [];
  const own = [...(symbol.members?.values() ?? []), ...(symbol.exports?.values() ?? [])];
  return own
    .flatMap((member) => {
      const declaration = member.declarations?.find((each) => ts.isClassElement(each) || ts.isParameter(each));
      const name = declaration && ts.getNameOfDeclaration(declaration);
      if (!declaration || !name || ts.isPrivateIdentifier(name)) return [];
      const modifiers = ts.getCombinedModifierFlags(declaration);
      if (modifiers & ts.ModifierFlags.Private) return [];
      const words = [
        modifiers & ts.ModifierFlags.Static ? "static " : "",
        modifiers & ts.ModifierFlags.Protected ? "protected " : "",
      ];
      return [`  .${words.join("")}${name.getText()}`];
    })
    .sort();
};

/** Values first, then types. */
const linesOf = (entry: Entry): string[] => {
  if (isAssembly(entry)) {
    const file = ts.createSourceFile(entry.file, readFileSync(entry.file, "utf8"), ts.ScriptTarget.Latest);
    return file.statements
      .filter(
        (one) =>
          ts.canHaveModifiers(one) && ts.getModifiers(one)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword),
      )
      .flatMap((one) =>
        ts.isVariableStatement(one)
          ? one.declarationList.declarations.map(({ name }) => (name as ts.Identifier).text)
          : [(one as ts.FunctionDeclaration).name!.text],
      )
      .sort();
  }
  const values: string[] = [];
  const types: string[] = [];
  const all = exportsOf(entry.file).sort((a, b) => (a.name < b.name ? -1 : 1));
  const listed = all.filter((symbol) => !isListedWithOps(entry, symbol));
  if (listed.length < all.length) values.push("(functions and ops: docs/generated/ops.md)");
  for (const symbol of listed) {
    const target = targetOf(symbol);
    const isType = !(target.flags & ts.SymbolFlags.Value) || onlyType(symbol);
    (isType ? types : values).push(isType ? `type ${symbol.name}` : symbol.name, ...membersOf(target));
  }
  return [...values, ...types];
};

/** `export type { C } from …` of what is a value at home, however many files lie between. */
const onlyType = (symbol: ts.Symbol): boolean => {
  for (
    let at: ts.Symbol | undefined = symbol;
    at && at.flags & ts.SymbolFlags.Alias;
    at = checker.getImmediateAliasedSymbol(at)
  )
    if (at.declarations?.some((each) => ts.isTypeOnlyImportOrExportDeclaration(each))) return true;
  return false;
};

describe("the public surface", () => {
  it("is what exports.txt lists", async () => {
    const text = entries.map((entry) => [`# ${entry.specifier}`, ...linesOf(entry), ""].join("\n")).join("\n");
    await expect(text).toMatchFileSnapshot("exports.txt");
  });

  it("of a tensor holds nothing of its scope and its memory's owner", () => {
    scope(() => {
      for (const one of [zeros([2]), ones([2]).alias()])
        expect(Object.keys(one).sort()).toEqual(["dtype", "id", "offset", "origin", "shape", "strides"]);
    });
    expect(Object.keys(Tensor)).toEqual([]);
    expect(["frame", "moveTo", "replaceStorage"].filter((name) => name in Tensor.prototype)).toEqual([]);
  });

  it("has an op's value at its family alone", () => {
    const elsewhere = entries
      .filter(({ specifier }) => !/\/(ops|assembly)\//.test(specifier))
      .flatMap((entry) => linesOf(entry).filter((name) => /^\w+Op$/.test(name) && name !== "defineOp"));
    expect(elsewhere).toEqual([]);
  });
});
