// Writes a package's declarations to dist/types, one for each source file that its entries reach: one program of the compiler, where a
// bundler of declarations would take ten times as long. Run in the package's folder after tsup.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

const root = process.cwd();
const config = ts.getParsedCommandLineOfConfigFile(
  join(root, "tsconfig.json"),
  {},
  { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => {} },
);
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const sources = Object.values(exports).flatMap((target) =>
  typeof target === "string" || target.types === undefined ? [] : [target["@tessera/source"]],
);
/** An export with a star stands for every file that fits it. */
const isEntry = (file) => {
  const path = `./${file
    .slice(root.length + 1)
    .split("\\")
    .join("/")}`;
  return sources.some((source) =>
    new RegExp(`^${source.replaceAll(".", "\\.").replace("*", "([^/]+)").replace("*", "\\1")}$`).test(path),
  );
};

const options = {
  ...config.options,
  noEmit: false,
  declaration: true,
  emitDeclarationOnly: true,
  rootDir: join(root, "src"),
  outDir: join(root, "dist/types"),
};
/** Sources name the file that exists; what users get names the file that runs. */
const write = (path, text) =>
  ts.sys.writeFile(path, text.replace(/((?:from|import|module) ?\(?)"(\.{1,2}\/[^"]+)\.ts"/g, '$1"$2.js"'));
const program = ts.createProgram(config.fileNames.filter(isEntry), options);
// What other packages declare is theirs to emit.
const own = program.getSourceFiles().filter((file) => file.fileName.startsWith(`${root.split("\\").join("/")}/src/`));
const diagnostics = own.flatMap((file) => {
  const { diagnostics } = program.emit(file, write, undefined, true);
  return [...diagnostics, ...program.getDeclarationDiagnostics(file)];
});
if (diagnostics.length > 0) {
  console.error(
    ts.formatDiagnosticsWithColorAndContext(diagnostics, {
      getCanonicalFileName: (name) => name,
      getCurrentDirectory: () => root,
      getNewLine: () => "\n",
    }),
  );
  process.exitCode = 1;
}
