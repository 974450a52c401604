// `sideEffects` of a package lists exactly the files that must stay in a bundle that uses nothing of them: those that act when they are imported, but
// for rules that a file gives to ops of its own, which go where the ops go.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
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

interface Manifest {
  readonly name: string;
  readonly sideEffects: false | readonly string[];
}
const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as Manifest;
const listedIn = (folder: string): readonly string[] => manifestOf(folder).sideEffects || [];

/** Sources that are published, without tests and AssemblyScript, as `./src/…`. */
const sourcesOf = (folder: string): string[] =>
  readdirSync(join(root, folder, "src"), { recursive: true, encoding: "utf8" })
    .map((file) => `./src/${file.replaceAll("\\", "/")}`)
    .filter((file) => file.endsWith(".ts") && !/\.(test|as)\.ts$/.test(file));

/** Whether a file acts for others: by a statement that is no declaration, import or export, and no rule for ops of its own. */
const acts = (source: ts.SourceFile): boolean =>
  source.statements.some((statement) => !isDeclaration(statement) && !isRuleOfOwnOps(statement, source));

/** `defineVjps({ aOp, bOp }, …)` of ops that this very file declares. */
const isRuleOfOwnOps = (statement: ts.Statement, source: ts.SourceFile): boolean => {
  if (!ts.isExpressionStatement(statement) || !ts.isCallExpression(statement.expression)) return false;
  const { expression, arguments: args } = statement.expression;
  const [ops] = args;
  if (!ts.isIdentifier(expression) || expression.text !== "defineVjps") return false;
  if (ops === undefined || !ts.isObjectLiteralExpression(ops)) return false;
  const own = new Set(
    source.statements
      .filter(ts.isVariableStatement)
      .flatMap(({ declarationList }) => declarationList.declarations.map(({ name }) => name.getText(source))),
  );
  return ops.properties.every((each) => ts.isShorthandPropertyAssignment(each) && own.has(each.name.text));
};
const isDeclaration = (statement: ts.Statement): boolean =>
  ts.isImportDeclaration(statement) ||
  ts.isExportDeclaration(statement) ||
  ts.isExportAssignment(statement) ||
  ts.isVariableStatement(statement) ||
  ts.isFunctionDeclaration(statement) ||
  ts.isClassDeclaration(statement) ||
  ts.isInterfaceDeclaration(statement) ||
  ts.isTypeAliasDeclaration(statement) ||
  ts.isModuleDeclaration(statement) ||
  ts.isEmptyStatement(statement);

/** Paths of the files that it imports for their effect alone. */
const importedForEffect = (source: ts.SourceFile): string[] =>
  source.statements
    .filter(ts.isImportDeclaration)
    .filter(({ importClause }) => importClause === undefined)
    .map(({ moduleSpecifier }) => (moduleSpecifier as ts.StringLiteral).text);

/** The bundle of a program that is nothing but these lines, from the built packages. */
const bundled = async (lines: string): Promise<string> => {
  const { outputFiles } = await build({
    stdin: { contents: lines, resolveDir: join(root, "tests"), loader: "ts" },
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    platform: "neutral",
    external: ["node:*", "webgpu", "@huggingface/hub"],
    conditions: ["browser"],
    tsconfigRaw: "{}",
    logLevel: "silent",
  });
  return outputFiles[0]!.text.trim();
};

describe.each(folders)("%s", (folder) => {
  const parsed = sourcesOf(folder).map((file) => ({
    file,
    source: ts.createSourceFile(file, readFileSync(join(root, folder, file), "utf8"), ts.ScriptTarget.ESNext),
  }));

  it("lists the sources that act, and those that import one for its effect alone", () => {
    const acting = new Set(parsed.filter(({ source }) => acts(source)).map(({ file }) => file));
    const importing = parsed.filter(({ file, source }) =>
      importedForEffect(source).some((path) => acting.has(`./${join(dirname(file), path).replaceAll("\\", "/")}`)),
    );
    const wanted = [...new Set([...acting, ...importing.map(({ file }) => file)])].sort();
    expect(
      listedIn(folder)
        .filter((file) => file.startsWith("./src/"))
        .toSorted(),
    ).toEqual(wanted);
  });

  it("lists files that exist", () => {
    for (const file of listedIn(folder)) expect(existsSync(join(root, folder, file)), file).toBe(true);
  });
});

describe("a bundle", () => {
  const empty = ["packages/nn", "packages/models"].map((folder) => manifestOf(folder).name);
  it.each(empty)("of nothing from %s holds nothing of it", async (name) => {
    expect(manifestOf(`packages/${name.slice("@tessera/".length)}`).sideEffects).toBe(false);
    expect(await bundled(`import "${name}";`)).toBe("");
  });

  // What registers something stays, though no name of it is used.
  it.each([
    ["@tessera/tensor", "webgpu"],
    ["@tessera/autograd", "argmax"],
    ["@tessera/sparse", "blockSparseLinear"],
  ])("of an import of %s alone keeps what registers", async (name, word) => {
    expect(await bundled(`import "${name}";`)).toContain(word);
  });

  it("of an error from @tessera/tensor/error holds no kernel", async () => {
    const code = await bundled('import { ShapeError } from "@tessera/tensor/error"; console.log(ShapeError);');
    expect(code.length).toBeLessThan(2000);
  });
});
