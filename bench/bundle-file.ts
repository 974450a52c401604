import { existsSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "./options.ts";

const packages = ["tensor", "autograd", "nn", "sparse", "models"];

export interface BundleOptions {
  /** A file of this checkout's bench. */
  readonly entry: string;
  /** Whose packages it is bundled with. */
  readonly checkout: string;
  readonly outfile: string;
}

/**
 * Bundles a program into one file, which then runs with `node` alone.
 *
 * @returns the file
 * @throws UsageError unless the checkout has sources and compiled kernels
 */
export const bundleFile = async ({ entry, checkout, outfile }: BundleOptions): Promise<string> => {
  // Only where something is bundled: what is bundled also runs without npm.
  const { build } = await import("esbuild");
  const source = (name: string): string => join(checkout, "packages", name, "src/index.ts");
  for (const name of packages)
    if (!existsSync(source(name))) throw new UsageError(`bench: ${checkout} is no checkout, it has no ${source(name)}`);
  if (!existsSync(join(checkout, "packages/tensor/src/generated/kernels.ts")))
    throw new UsageError(`bench: ${checkout} has no kernels; build it there, npm ci && npm run build`);
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    conditions: ["@tessera/source"],
    external: ["webgpu", "esbuild"],
    plugins: [
      {
        name: "packages-of-a-checkout",
        setup: (bundler) =>
          bundler.onResolve({ filter: /^@tessera\// }, ({ path, kind, pluginData }) =>
            pluginData === "there"
              ? undefined
              : bundler.resolve(path, { kind, resolveDir: join(checkout, "bench"), pluginData: "there" }),
          ),
      },
    ],
    logLevel: "error",
  });
  return outfile;
};
