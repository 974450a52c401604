// What lists the families of ops is written from the one record, packages/tensor/src/families.ts: a row there, or an op in a family's
// files, is enough. `npm run generate` writes these files, and so do builds and test runs. They are short, and git ignores them.
//
//   packages/tensor/src/generated/functions.ts   what users call; the package's entry exports it
//   packages/tensor/src/generated/methods.ts     those that are methods of a tensor too: all but the ones in not-methods.ts
//   packages/autograd/src/generated/rules.ts     gradients: `XVjps` of vjps/X.ts
//   tests/generated/samples.ts                   test data: `XSamples` and `XTolerance` of samples/X.ts
//
// Names decide: a value `…Op` and a function `…Backward` are for authors of ops, and so is a type `…Signature`, `…Attrs` or `…Scalars`.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("..", import.meta.url));
const tensor = "packages/tensor/src";

const parse = (path) =>
  ts.createSourceFile(path, readFileSync(join(root, path), "utf8"), ts.ScriptTarget.Latest, /* setParentNodes */ true);
const isExported = (statement) =>
  ts.canHaveModifiers(statement) &&
  ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);

/** `{ values, types }` that a file exports, by name, in the file's order. */
const exportsOf = (path) => {
  const values = [];
  const types = [];
  for (const statement of parse(path).statements) {
    if (ts.isExportDeclaration(statement)) {
      const { exportClause, isTypeOnly, moduleSpecifier } = statement;
      if (exportClause === undefined) {
        const all = exportsOf(posix.join(posix.dirname(path), moduleSpecifier.text));
        values.push(...all.values);
        types.push(...all.types);
      } else if (ts.isNamedExports(exportClause))
        for (const one of exportClause.elements) (isTypeOnly || one.isTypeOnly ? types : values).push(one.name.text);
    } else if (isExported(statement)) {
      if (ts.isVariableStatement(statement))
        values.push(...statement.declarationList.declarations.map(({ name }) => name.text));
      else if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement))
        types.push(statement.name.text);
      else values.push(statement.name.text);
    }
  }
  return { values, types };
};

/** `{ name, path }` of each family: the imports of families.ts. */
const families = parse(`${tensor}/families.ts`)
  .statements.filter(ts.isImportDeclaration)
  .map(({ importClause, moduleSpecifier }) => ({
    name: importClause.namedBindings.name.text,
    path: moduleSpecifier.text,
  }));
const composed = "./ops/composed.ts";

/** What users call of a file. */
const publicOf = (path) => {
  const { values, types } = exportsOf(posix.join(tensor, path));
  return {
    functions: values.filter((name) => !/(Op|Backward)$/.test(name)),
    types: types.filter((name) => !/(Signature|Attrs|Scalars)$/.test(name)),
  };
};

const notMethods = () => {
  const names = [];
  const visit = (node) => {
    if (ts.isStringLiteral(node)) names.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(parse(`${tensor}/not-methods.ts`));
  return names;
};

const list = (names) => names.map((name) => `  ${name},\n`).join("");

const functionsText = () =>
  [...families.map(({ path }) => path), composed]
    .map((path) => {
      const { functions, types } = publicOf(path);
      return `export {\n${list([...functions, ...types.map((name) => `type ${name}`)])}} from ".${path}";\n`;
    })
    .join("");

const methodsText = () => {
  const left = notMethods();
  const files = [...families.map(({ path }) => path), composed].map((path) => ({
    path,
    names: publicOf(path).functions.filter((name) => !left.includes(name)),
  }));
  const all = files.flatMap(({ names }) => names);
  const unknown = left.filter((name) => !files.some(({ path }) => publicOf(path).functions.includes(name)));
  if (unknown.length > 0)
    throw new Error(`${tensor}/not-methods.ts: no family has a function ${unknown.join(", ")}; delete the name`);
  const imports = files
    .filter(({ names }) => names.length > 0)
    .map(({ path, names }) => `import {\n${list(names)}} from ".${path}";\n`);
  // Named one by one: who imports a function of the package gets these with it, and nothing that is no method.
  return `${imports.join("")}\nexport const methods = {\n${list(all)}};\n`;
};

const rulesText = () => {
  const imports = families.map(({ name, path }) => `import { ${name}Vjps } from "../vjps/${basename(path)}";\n`);
  return `${imports.join("")}\nexport const rules = {\n${list(families.map(({ name }) => `${name}: ${name}Vjps`))}};\n`;
};

const samplesText = () => {
  const imports = families.map(
    ({ name, path }) => `import { ${name}Samples, ${name}Tolerance } from "../samples/${basename(path)}";\n`,
  );
  const record = (what) => list(families.map(({ name }) => `${name}: ${name}${what}`));
  return `${imports.join("")}\nexport const samples = {\n${record("Samples")}};\n\nexport const tolerances = {\n${record("Tolerance")}};\n`;
};

/** Whoever imports the file meanwhile sees the old one or the new one, never half of it. */
const write = (path, text) => {
  const file = join(root, path);
  const whole = `// Generated by scripts/generate-tables.mjs from ${tensor}/families.ts; do not edit.\n${text}`;
  if (existsSync(file) && readFileSync(file, "utf8") === whole) return;
  mkdirSync(dirname(file), { recursive: true });
  const partial = `${file}.${process.pid}`;
  writeFileSync(partial, whole);
  renameSync(partial, file);
};

write(`${tensor}/generated/functions.ts`, functionsText());
write(`${tensor}/generated/methods.ts`, methodsText());
write("packages/autograd/src/generated/rules.ts", rulesText());
write("tests/generated/samples.ts", samplesText());
