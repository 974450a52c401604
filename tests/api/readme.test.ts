// Every block of every README, and of the guides in docs/: TypeScript runs, commands exist.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCli } from "@tessera/cli";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const work = join(root, "tests/.readme-blocks");
const readmes = [
  "README.md",
  ...["packages", "apps"].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => `${folder}/${name}/README.md`),
  ),
  "docs/sparse-training.md",
].filter((path) => existsSync(join(root, path)));

interface Block {
  readonly language: string;
  readonly code: string;
  readonly line: number;
}

const blocksOf = (text: string): Block[] => {
  const blocks: Block[] = [];
  const fence = /^```(\w*)\n([\s\S]*?)^```$/gm;
  for (let match = fence.exec(text); match; match = fence.exec(text))
    blocks.push({ language: match[1]!, code: match[2]!, line: text.slice(0, match.index).split("\n").length });
  return blocks;
};

/** The scripts of the root, or of a workspace. */
const scriptsOf = (folder: string): object =>
  (JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as { scripts: object }).scripts;
const workspaces: { readonly [name: string]: string } = {
  "@tessera/examples": "apps/examples",
  "@tessera/cli": "apps/cli",
};

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
    const [, ofTessera] = /^(?:npx tessera|npm run tessera --) (.*)$/.exec(command) ?? [];
    if (ofTessera !== undefined) await checkTessera(ofTessera.split(/\s+/));
    if (program === "npx" && first === "tessera") continue;
    expect(program, command).toBe("npm");
    if (first === "ci" || first === "install") continue;
    const script = first === "run" ? second : first;
    const [, workspace] = /\s-w\s+(\S+)/.exec(command) ?? [];
    expect(scriptsOf(workspace ? workspaces[workspace]! : "."), command).toHaveProperty([script!]);
  }
};

beforeAll(() => mkdirSync(work, { recursive: true }));
afterAll(() => rmSync(work, { recursive: true, force: true }));

it("every package has a README with an example", () => {
  for (const name of readdirSync(join(root, "packages"))) {
    const path = join(root, "packages", name, "README.md");
    expect(existsSync(path), path).toBe(true);
    expect(
      blocksOf(readFileSync(path, "utf8")).some(({ language }) => language === "ts"),
      `${name} shows no TypeScript`,
    ).toBe(true);
  }
});

describe.each(readmes)("%s", (path) => {
  const blocks = blocksOf(readFileSync(join(root, path), "utf8"));
  const named = blocks.map((block) => ({ ...block, name: `line ${block.line}` }));

  it.each(named.filter(({ language }) => language === "ts"))("the TypeScript at $name runs", async ({ code, line }) => {
    const file = join(work, `${basename(dirname(path)) || "root"}-${line}.ts`);
    writeFileSync(file, `${code}\nexport {};\n`);
    await import(/* @vite-ignore */ file);
  });

  it.each(named.filter(({ language }) => ["sh", "bash"].includes(language)))(
    "the commands at $name exist",
    async ({ code }) => {
      for (const line of code.split("\n").map((text) => text.replace(/#.*/, "").trim()))
        if (line !== "") await checkCommand(line);
    },
  );

  it("names commands of tessera that exist, between its blocks too", async () => {
    const text = readFileSync(join(root, path), "utf8");
    for (const [, line] of text.matchAll(/`(?:npx tessera|npm run tessera --) ([a-z][^`]*)`/g))
      await checkTessera(line!.split(/\s+/));
  });

  it("has no block in a language that nothing checks", () => {
    expect(
      blocks
        .map(({ language }) => language)
        .filter((language) => !["ts", "sh", "bash", "text", "json"].includes(language)),
    ).toEqual([]);
  });
});
