import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";

/**
 * A program of the sources, bundled for Node into a folder below `root`, and the path to run: each process that would translate and
 * resolve our hundreds of files by itself takes two seconds of computing for it. Packages of others are found from `root` on.
 */
export const bundled = async (entry: string, root: string): Promise<string> => {
  const name = basename(entry, ".ts");
  const folder = join(root, `.bundled-${name}`);
  const { outputFiles } = await build({
    entryPoints: [entry],
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@tessera/source"],
    plugins: [
      {
        name: "ours-inside",
        setup: (bundle) =>
          bundle.onResolve({ filter: /^[^.#/]/ }, ({ path, kind }) =>
            kind === "entry-point" || path.startsWith("@tessera/") ? undefined : { path, external: true },
          ),
      },
    ],
    sourcemap: "inline",
    sourcesContent: false,
    logLevel: "error",
    write: false,
  });
  mkdirSync(folder, { recursive: true });
  // Another process may bundle the same, or run it now: nothing is seen half written, and what has not changed is left alone.
  const made = new Set<string>();
  for (const { path, contents } of outputFiles) {
    made.add(basename(path));
    if (existsSync(path) && readFileSync(path).equals(contents)) continue;
    writeFileSync(`${path}.${process.pid}`, contents);
    renameSync(`${path}.${process.pid}`, path);
  }
  for (const file of readdirSync(folder))
    if (file.endsWith(".mjs") && !made.has(file)) rmSync(join(folder, file), { force: true });
  return join(folder, `${name}.mjs`);
};
