// Every command that a page shows exists, and its options do.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runCli } from "@tessera/cli";
import { describe, expect, it, vi } from "vitest";
import { blocksOf, pages, readPage, root } from "./pages.ts";

/** The scripts of the root, or of a workspace. */
const scriptsOf = (folder: string): object =>
  (JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as { scripts: object }).scripts;
const workspaces: { readonly [name: string]: string } = {
  "@tessera/examples": "apps/examples",
  "@tessera/cli": "apps/cli",
};

/** Programs that packages bring. */
const programs = new Set(
  ["packages/tensor", "apps/cli"].flatMap((folder) => {
    const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as { bin: object };
    return Object.keys(manifest.bin);
  }),
);

/** What `tessera <command> --help` prints. */
const helpOf = async (command: string): Promise<string> => {
  let help = "";
  const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    help += String(text);
    return true;
  });
  try {
    expect(await runCli([command, "--help"]), command).toBe(0);
  } finally {
    spy.mockRestore();
  }
  return help;
};

/** A command line of `tessera` names a command that exists, and options of it. */
const checkTessera = async (words: readonly string[]): Promise<void> => {
  const help = await helpOf(words[0]!);
  expect(help).toContain(`Usage: tessera ${words[0]} `);
  for (const word of words.filter((each) => each.startsWith("--"))) expect(help).toContain(word);
};

/** A line of a shell block names a command of `tessera`, a script of the root, an npm command, or a package to install. */
const checkCommand = async (line: string): Promise<void> => {
  for (const command of line.split("&&").map((part) => part.trim())) {
    const [program, first, second] = command.split(/\s+/);
    if (program === "git" || program === "cd") continue;
    const [, ofTessera] = /^(?:npx tessera|npx @tessera\/cli|npm run tessera --) (.*)$/.exec(command) ?? [];
    if (ofTessera !== undefined) await checkTessera(ofTessera.split(/\s+/));
    if (program === "npx" && (ofTessera !== undefined || programs.has(first!))) continue;
    expect(program, command).toBe("npm");
    if (first === "ci" || first === "install") continue;
    const script = first === "run" ? second : first;
    const [, workspace] = /\s-w\s+(\S+)/.exec(command) ?? [];
    expect(scriptsOf(workspace ? workspaces[workspace]! : "."), command).toHaveProperty([script!]);
  }
};

describe.each(pages)("%s", (path) => {
  const shells = blocksOf(readPage(path)).filter(({ language }) => language === "sh");

  it.each(shells)("the commands at line $line exist", async ({ code }) => {
    for (const line of code.split("\n").map((text) => text.replace(/#.*/, "").trim()))
      if (line !== "") await checkCommand(line);
  });

  it("names commands of tessera that exist, between its blocks too", async () => {
    for (const [, line] of readPage(path).matchAll(
      /`(?:npx tessera|npx @tessera\/cli|npm run tessera --) ([a-z][^`]*)`/g,
    ))
      await checkTessera(line!.split(/\s+/));
  });
});
