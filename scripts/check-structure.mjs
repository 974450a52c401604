// What no other tool checks: file sizes, file names, scripts without a shell, and that each package.json lists exactly the packages that are imported and has what is
// published with it.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { apps, arrow, mayImport, whyNoApp, whyNot } from "./layers.mjs";

const warnLines = 300;
const maxLines = 500;
const emptyNames = /^(utils?|helpers?|common|misc|manager|impl)$/i;
const skipped = /^(node_modules|dist|build|coverage|runs|generated|goldens|\..*)$/;

const root = fileURLToPath(new URL("..", import.meta.url));
const problems = [];
const warnings = [];

/** Paths of all files below `folder`, relative to the root, with forward slashes. */
const filesBelow = (folder) =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (skipped.test(entry.name)) return [];
    return entry.isDirectory() ? filesBelow(path) : [path.split(sep).join("/")];
  });

const sources = filesBelow(".").filter((path) => /\.(ts|tsx|mts|mjs)$/.test(path));

for (const path of sources) {
  const lines = readFileSync(join(root, path), "utf8").split("\n").length - 1;
  if (lines > maxLines) problems.push(`${path}: ${lines} lines, at most ${maxLines}; split it along its ideas`);
  else if (lines > warnLines) warnings.push(`${path}: ${lines} lines, aim at ${warnLines}`);

  for (const part of path.split("/")) {
    const word = part.split(".")[0];
    if (emptyNames.test(word)) problems.push(`${path}: "${word}" says nothing about what is in it; name the idea`);
  }
  const file = path.split("/").at(-1);
  if (file !== file.toLowerCase()) problems.push(`${path}: file names are kebab-case`);
}

/** Packages that a source file imports, ours and others', types included: no relative paths and no modules of Node. */
const importsOf = (path) =>
  ts
    .preProcessFile(readFileSync(join(root, path), "utf8"), true, true)
    .importedFiles.map(({ fileName }) => /^(?!node:)((?:@[^/]+\/)?[^./][^/]*)/.exec(fileName)?.[1])
    .filter((name) => name !== undefined);

/** Where a package of ours lies. */
const folderOf = (name) => `${apps.includes(name) ? "apps" : "packages"}/${name}`;

/** Why a source of the package `name` may not import the package `other` of ours; undefined if it may. */
const whyForbidden = (name, other) => {
  if (apps.includes(name)) return undefined;
  if (apps.includes(other)) return whyNoApp(name, other);
  return mayImport(name).includes(other) ? undefined : whyNot(name, other);
};

for (const name of [...arrow, ...apps]) {
  const folder = folderOf(name);
  const isApp = apps.includes(name);
  const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  // What is loaded when it is asked for is an optional peer.
  const listed = Object.keys({ ...manifest.dependencies, ...(isApp ? manifest.peerDependencies : {}) });
  const used = new Set();
  for (const path of sources) {
    if (!path.startsWith(`${folder}/src/`) || path.endsWith(".as.ts")) continue;
    // What only tests import is the monorepo's to install.
    const isTest = path.endsWith(".test.ts");
    for (const other of importsOf(path)) {
      if (other.startsWith("@tessera/")) {
        used.add(other);
        const why = whyForbidden(name, other.slice("@tessera/".length));
        if (why !== undefined) problems.push(`${path}: ${why}`);
      } else if (isApp && !isTest) used.add(other);
    }
  }
  for (const other of used)
    if (!listed.includes(other)) problems.push(`${folder}/package.json does not list ${other}, which it imports`);
  for (const other of listed) {
    if (!other.startsWith("@tessera/")) {
      if (name !== "models" && !isApp)
        problems.push(`${folder}/package.json: ${other} is a runtime dependency from outside`);
    } else if (!used.has(other)) problems.push(`${folder}/package.json lists ${other}, which it does not import`);
  }
  if (!existsSync(join(root, folder, "README.md"))) problems.push(`${folder} has no README.md`);
  if (!manifest.private)
    for (const field of ["description", "keywords", "license", "files", "engines", "exports", "publishConfig"])
      if (manifest[field] === undefined)
        problems.push(`${folder}/package.json has no ${field}, which a published package needs`);
}

// Scripts are run by whatever shell a system has: a program and its words, and nothing that a shell must read.
for (const folder of [
  "",
  ...["packages", "apps"].flatMap((each) => readdirSync(join(root, each)).map((name) => `${each}/${name}/`)),
  "tests/",
  "bench/",
]) {
  const file = `${folder}package.json`;
  if (!existsSync(join(root, file))) continue;
  const { scripts = {} } = JSON.parse(readFileSync(join(root, file), "utf8"));
  for (const [name, script] of Object.entries(scripts))
    if (/[&|;<>$`'*]|^(cd|rm|cp|mv|mkdir|cat|sh|bash|env) /.test(script))
      problems.push(
        `${file}: the script ${name} needs a shell; write a program in scripts/, chain scripts by chain.mjs`,
      );
}

for (const warning of warnings) console.log(`warning: ${warning}`);
for (const problem of problems) console.log(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
