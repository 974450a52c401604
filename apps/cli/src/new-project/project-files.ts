import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { templateFolder } from "../template-folder.ts";

/** What `package.json` of this package says. */
export interface OwnManifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

const USED = ["@tessera/models", "@tessera/nn", "@tessera/sparse", "@tessera/tensor"] as const;
const TEXTS = ["src/train.ts", "data/text.txt", "README.md"] as const;

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** The files of a new project, by their paths in it. */
export const projectFiles = async (
  name: string,
  { dependencies }: OwnManifest,
): Promise<ReadonlyMap<string, string>> => {
  const texts = await Promise.all(TEXTS.map((path) => readFile(join(templateFolder(), path), "utf8")));
  return new Map([
    [
      "package.json",
      json({
        name,
        version: "0.0.0",
        private: true,
        type: "module",
        engines: { node: ">=20.19" },
        scripts: { build: "tsc", train: "tsc && node dist/train.js" },
        dependencies: Object.fromEntries(USED.map((used) => [used, dependencies[used]!])),
        devDependencies: { "@types/node": "^20.19.0", typescript: "^5.9.0" },
      }),
    ],
    [
      "tsconfig.json",
      json({
        compilerOptions: {
          target: "es2022",
          lib: ["es2023", "dom"],
          types: ["node"],
          module: "nodenext",
          strict: true,
          noUncheckedIndexedAccess: true,
          skipLibCheck: true,
          rootDir: "src",
          outDir: "dist",
        },
        include: ["src"],
      }),
    ],
    [".gitignore", "node_modules/\ndist/\nruns/\n"],
    ...TEXTS.map((path, i): [string, string] => [path, texts[i]!.replace(/^# NAME$/m, `# ${name}`)]),
  ]);
};
