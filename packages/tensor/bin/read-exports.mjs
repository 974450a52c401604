import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { evaluate } from "./constant-expression.mjs";
import { KernelBuildError } from "./kernel-build-error.mjs";
import { readSource } from "./read-source.mjs";

const assembly = fileURLToPath(new URL("../src/assembly", import.meta.url));
const assemblyPrefix = "@tessera/tensor/assembly/";
/** Types of parameters: an address, one that may be absent (assembly/optional.as.ts), a whole number, a number. */
const kinds = ["usize", "optional", "i32", "f32", "f64"];
/** Bits of a statement's flags, as the compiler has them. */
const EXPORT = 2;

/**
 * What src/kernels.as.ts gives to planners, read by AssemblyScript's own parser:
 *
 * - a kernel is an exported function that returns nothing and whose first parameter is `task: i32`; the module's other exports are not
 *   for planners;
 * - a constant is a `const` or an `enum` whose comment says `@shared`, in any file that the entry reaches. An enum gives a record.
 *
 * @returns `{ kernels: [{ name, file, comment, parameters: [{ name, kind }] }], constants: [{ name, file, comment, value }] }`
 */
export const readExports = async ({ source, parser }) => {
  const as = await import(parser);
  const entry = join(source, "kernels.as.ts");
  const files = new Map();
  const read = (path) => {
    if (files.has(path)) return;
    const file = parseFile(as, path);
    files.set(path, file);
    for (const { target } of file.imports) read(target);
  };
  read(entry);

  const kernels = [];
  for (const path of reexported(entry, files))
    for (const declared of functionsOf(as, files.get(path))) kernels.push({ ...declared, file: shown(source, path) });
  refuseTwins("kernel", kernels);

  const constants = [];
  for (const [path, file] of files)
    for (const declared of constantsOf(as, file)) constants.push({ ...declared, file: shown(source, path) });
  refuseTwins("@shared constant", constants);
  return { kernels, constants };
};

const shown = (source, path) =>
  relative(source, path)
    .replaceAll("\\", "/")
    .replace(/^.*\/assembly\//, "assembly/");

const refuseTwins = (what, list) => {
  const seen = new Map();
  for (const { name, file } of list) {
    if (seen.has(name))
      throw new KernelBuildError(`${what} "${name}" is declared in ${seen.get(name)} and in ${file}; rename one`);
    seen.set(name, file);
  }
};

const parseFile = (as, path) => {
  if (!existsSync(path)) throw new KernelBuildError(`${path} is imported, and is not there`);
  const text = readSource(path);
  const program = as.newProgram(as.newOptions());
  as.parse(program, text, path, true);
  for (let message = as.nextDiagnostic(program); message; message = as.nextDiagnostic(program))
    if (as.isError(message)) throw new KernelBuildError(as.formatDiagnostic(message));
  const { statements } = program.sources.find((file) => file.text === text);
  const imports = statements
    .filter(({ path }) => path)
    .map(({ kind, path: { value } }) => ({
      exports: kind === as.NodeKind.Export,
      target: value.startsWith(assemblyPrefix)
        ? join(assembly, `${value.slice(assemblyPrefix.length)}.ts`)
        : resolve(dirname(path), `${value}.ts`),
    }));
  return { path, text, statements, imports };
};

/** Files whose exports are the module's: what `export … from` reaches from the entry, the entry first. */
const reexported = (entry, files) => {
  const reached = new Set([entry]);
  for (const path of reached)
    for (const { exports, target } of files.get(path).imports) if (exports) reached.add(target);
  return reached;
};

const functionsOf = (as, { path, text, statements }) =>
  statements
    .filter(
      ({ kind, flags, signature, typeParameters }) =>
        kind === as.NodeKind.FunctionDeclaration && flags & EXPORT && !typeParameters && isKernel(signature),
    )
    .map(({ name, range, signature: { parameters } }) => ({
      name: name.text,
      comment: commentBefore(text, range.start),
      parameters: parameters.slice(1).map((parameter) => {
        const kind = typeName(parameter.type);
        if (!kinds.includes(kind))
          throw new KernelBuildError(
            `${path}: parameter "${parameter.name.text}" of kernel "${name.text}" is ${kind}; ${kinds.join(", ")} expected`,
          );
        return { name: parameter.name.text, kind };
      }),
    }));

const typeName = (type) => type?.name?.identifier?.text ?? type?.range.toString();
const isKernel = ({ parameters: [task], returnType }) =>
  task?.name.text === "task" && typeName(task.type) === "i32" && typeName(returnType) === "void";

const constantsOf = (as, { path, text, statements }) => {
  const { NodeKind } = as;
  const known = new Map();
  const found = [];
  const valueOf = (name, initializer) => {
    const value = evaluate(as, initializer, known);
    known.set(name, value);
    return value;
  };
  for (const statement of statements) {
    const { kind, range } = statement;
    if (kind !== NodeKind.Variable && kind !== NodeKind.EnumDeclaration) continue;
    const comment = commentBefore(text, range.start);
    const isShared = /@shared\b/.test(comment);
    for (const declared of kind === NodeKind.Variable ? statement.declarations : [statement]) {
      const name = declared.name.text;
      const value =
        kind === NodeKind.Variable ? valueOf(name, declared.initializer) : membersOf(as, declared.values, known);
      if (!isShared) continue;
      if (hasUnknown(value))
        throw new KernelBuildError(
          `${path}: @shared "${name}" is expected to be known before it is compiled: literals, + - * / << |, and constants above it`,
        );
      found.push({ name, comment: comment.replace(/\s*@shared\b/, ""), value });
    }
  }
  return found;
};

const hasUnknown = (value) =>
  typeof value === "object" && value !== null ? Object.values(value).includes(undefined) : value === undefined;

/** A member without a value is one more than the one before it. */
const membersOf = (as, values, known) => {
  const members = {};
  let next = 0;
  for (const { name, initializer } of values) {
    const value = initializer ? evaluate(as, initializer, known) : next;
    members[name.text] = value;
    next = value === undefined ? undefined : value + 1;
  }
  return members;
};

/** The text of the block comment in front of a declaration, its line comments and decorators between. */
const commentBefore = (text, start) => {
  const before = text.slice(0, start).replace(/(?:\s*(?:\/\/[^\n]*|@\w+))*\s*$/, "");
  if (!before.endsWith("*/")) return "";
  const comment = before.slice(before.lastIndexOf("/**") + 3, -2);
  return comment
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trimEnd())
    .join("\n")
    .trim();
};
