// The TypeScript of the pages as programs: written to files, type checked together, bundled together.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";
import ts from "typescript";
import { blocksOf, readPage, root } from "./pages.ts";

export const work = join(root, "tests/.doc-blocks");

/** One page's programs. */
export interface PagePrograms {
  readonly page: string;
  /** Source files, in the page's order. A program has the line numbers of its page. */
  readonly sources: readonly string[];
  /** The same files, bundled. */
  readonly bundles: readonly string[];
}

/** Pages whose blocks are one program, each going on where the one before ended. Elsewhere each block is a program. */
export const onePrograms: readonly string[] = ["docs/own-model.md"];

const atLine = (line: number, code: string): string => `${"\n".repeat(line)}${code}`;

const programsOf = (page: string): { line: number; code: string }[] => {
  const blocks = blocksOf(readPage(page)).filter(({ language }) => language === "ts");
  if (!onePrograms.includes(page)) return blocks.map(({ line, code }) => ({ line, code: atLine(line, code) }));
  let whole = "";
  for (const { line, code } of blocks) whole += atLine(line - whole.split("\n").length + 1, code);
  return [{ line: blocks[0]!.line, code: whole }];
};

/** Writes the programs of these pages; those without TypeScript have none. */
export const writePrograms = (pages: readonly string[]): PagePrograms[] => {
  rmSync(work, { recursive: true, force: true });
  return pages.flatMap((page) => {
    const programs = programsOf(page).map(({ line, code }) => {
      const name = `${page.replace(/\.md$/, "")}/${line}`;
      const source = join(work, "sources", `${name}.ts`);
      mkdirSync(dirname(source), { recursive: true });
      writeFileSync(source, `${code}\nexport {};\n`);
      return { source, bundle: join(work, "bundles", `${name}.js`) };
    });
    if (programs.length === 0) return [];
    return [{ page, sources: programs.map(({ source }) => source), bundles: programs.map(({ bundle }) => bundle) }];
  });
};

/** What the compiler says of all programs, `page:line: message` each. */
export const typeErrors = (programs: readonly PagePrograms[]): string[] => {
  const config = ts.getParsedCommandLineOfConfigFile(
    join(root, "tsconfig.base.json"),
    { incremental: false },
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic: ({ messageText }) => expectNone(messageText) },
  )!;
  const files = programs.flatMap(({ sources }) => sources);
  const program = ts.createProgram(files, config.options);
  return files.flatMap((file) => {
    const source = program.getSourceFile(file)!;
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map((each) => {
      const line = source.getLineAndCharacterOfPosition(each.start ?? 0).line + 1;
      const page = dirname(relative(join(work, "sources"), file)).replaceAll("\\", "/");
      return `${page}.md:${line}: ${ts.flattenDiagnosticMessageText(each.messageText, "\n")}`;
    });
  });
};

const expectNone = (message: string | ts.DiagnosticMessageChain): never => {
  throw new Error(ts.flattenDiagnosticMessageText(message, "\n"));
};

/** Packages that are not ours stay outside of the bundles. */
const outside: Plugin = {
  name: "outside",
  setup: (bundler) =>
    bundler.onResolve({ filter: /^[^./#]/ }, ({ kind, path }) =>
      kind === "entry-point" || path.startsWith("@tessera/") ? undefined : { external: true },
    ),
};

/** The command line looks for files beside its sources: there they are, not beside the bundle. */
const inPlace: Plugin = {
  name: "in place",
  setup: (bundler) =>
    bundler.onLoad({ filter: /[\\/]apps[\\/]cli[\\/]src[\\/].*\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href)),
      loader: "ts",
    })),
};

/** Bundles all programs with the packages' sources, which they share. */
export const bundlePrograms = async (programs: readonly PagePrograms[]): Promise<void> => {
  await build({
    entryPoints: programs.flatMap(({ sources }) => sources),
    outbase: join(work, "sources"),
    outdir: join(work, "bundles"),
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@tessera/source"],
    sourcemap: "inline",
    logLevel: "silent",
    plugins: [outside, inPlace],
  });
};
