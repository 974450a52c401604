import { createRequire } from "node:module";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { Argument } from "commander";
import { templateFolder } from "../template-folder.ts";
import { projectFiles, type OwnManifest } from "../new-project/project-files.ts";
import { describeFileError, isFileError } from "../run-folder/describe-file-error.ts";
import { CommandError, UsageError } from "../terminal/command-error.ts";
import type { CommandDefinition } from "./command-definition.ts";

/** What npm takes as a name without a scope. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,213}$/;

const unwritable = (folder: string, cause: unknown): CommandError =>
  new CommandError(
    `new: expected a folder that can be written, got ${folder}: ${describeFileError(cause)}; give another name`,
    { cause },
  );

/** What is in a folder; nothing where it is not there. @throws CommandError when it is no folder, or cannot be read */
const entriesOf = async (folder: string): Promise<readonly string[]> => {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isFileError(error, "ENOENT")) return [];
    throw unwritable(folder, error);
  }
};

export const newCommand: CommandDefinition = {
  name: "new",
  summary: "write a small TypeScript project that trains a language model of its own, half of its blocks taken away",
  writes: "nothing",
  arguments: [new Argument("<folder>", "where to; its last part is the project's name")],
  examples: ["new my-run"],

  async run({ terminal }, _options, folder) {
    const name = basename(resolve(folder));
    if (!NAME.test(name))
      throw new UsageError(
        `new: expected a name of lower-case letters, digits, dots, hyphens and underscores, got ${JSON.stringify(name)}; it becomes the name in package.json`,
      );
    const found = await entriesOf(folder);
    if (found.length > 0)
      throw new CommandError(
        `new: expected a folder that is empty or not there, got ${folder} with ${found.slice(0, 3).join(", ")}${found.length > 3 ? ", …" : ""}; give another name`,
      );
    const manifest = createRequire(import.meta.url)(join(templateFolder(), "../package.json")) as OwnManifest;
    const files = await projectFiles(name, manifest);
    try {
      for (const [path, text] of files) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), text, { flag: "wx" });
      }
    } catch (error) {
      throw unwritable(folder, error);
    }
    terminal.printResult({ folder, name, files: [...files.keys()] }, [
      `Written: ${folder}, ${files.size} files`,
      `  cd ${folder}`,
      "  npm install",
      "  npm run train",
    ]);
  },
};
