// Every package as its users get it: packed, installed from the tarball into an empty project, imported alone.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

interface Manifest {
  name: string;
  version: string;
  exports: Record<string, string | Record<string, string>>;
  dependencies?: Record<string, string>;
}
interface Result {
  code: number;
  output: string;
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const names = ["tensor", "autograd", "nn", "sparse", "models", "cli"] as const;
type Name = (typeof names)[number];
/** Where a package lies in the monorepo. */
const folderOf = (name: Name): string => `${name === "cli" ? "apps" : "packages"}/${name}`;
const { resolve } = createRequire(import.meta.url);
const tsc = resolve("typescript/bin/tsc");
const attw = join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
const temp = mkdtempSync(join(tmpdir(), "tessera-packages-"));

const readManifest = (file: string): Manifest => JSON.parse(readFileSync(file, "utf8")) as Manifest;
const manifests = new Map<Name, Manifest>(
  names.map((name) => [name, readManifest(join(root, folderOf(name), "package.json"))]),
);
const manifestOf = (name: Name): Manifest => manifests.get(name) ?? expect.fail(name);
const tarballOf = (name: Name): string => join(temp, `tessera-${name}-${manifestOf(name).version}.tgz`);

/** Runs Node; the project's own npm and conditions must not leak in. */
const node = (args: string[], cwd: string): Promise<Result> =>
  new Promise((done) => {
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([key]) => !/^(npm_|NODE_OPTIONS|VITEST)/i.test(key)),
    );
    execFile(process.execPath, args, { cwd, env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      done({ code: error ? Number(error.code ?? 1) : 0, output: `${stdout}${stderr}`.trim() });
    });
  });

/** npm's entry file: what started us, or else the npm beside this Node. */
const npmCli = (): string => {
  const beside = [
    process.env["npm_execpath"],
    join(process.execPath, "../../lib/node_modules/npm/bin/npm-cli.js"),
    join(process.execPath, "../../share/nodejs/npm/bin/npm-cli.js"),
    join(process.execPath, "../node_modules/npm/bin/npm-cli.js"),
  ].find((file) => file !== undefined && /npm-cli\.js$/.test(file) && existsSync(file));
  return beside ?? expect.fail("npm was not found; start the tests by `npm test`");
};
const npm = async (args: string[], cwd: string): Promise<string> => {
  const { code, output } = await node([npmCli(), ...args], cwd);
  if (code !== 0) throw new Error(`npm ${args.join(" ")} failed:\n${output}`);
  return output;
};

/** The package and all of ours that it stands on. */
const closure = (name: Name): Name[] => {
  const below = names.filter((other) => manifestOf(name).dependencies?.[`@tessera/${other}`] !== undefined);
  return [...new Set([name, ...below.flatMap(closure)])];
};

/** Dependencies from outside, as links to what the monorepo has installed: no network. */
const outside = (name: Name): [string, string][] =>
  Object.keys(manifestOf(name).dependencies ?? {})
    .filter((dependency) => !dependency.startsWith("@tessera/"))
    .map((dependency) => {
      const [own, hoisted] = [folderOf(name), "."].map((folder) => join(root, folder, "node_modules", dependency));
      return [dependency, `file:${existsSync(own!) ? own! : hoisted!}`];
    });

/** An empty project, named like the package, with its tarball and those it stands on installed. */
const install = async (name: Name): Promise<void> => {
  const project = join(temp, name);
  mkdirSync(project);
  const dependencies = Object.fromEntries(
    closure(name).flatMap((each) => [
      [`@tessera/${each}`, `file:${tarballOf(each)}`] as [string, string],
      ...outside(each),
    ]),
  );
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }));
  await npm(["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"], project);
};

/** Import specifiers of everything a package exports, patterns expanded over the files of the installed tarball. */
const specifiersOf = (project: string, name: Name): string[] => {
  const folder = join(project, "node_modules/@tessera", name);
  const { exports } = readManifest(join(folder, "package.json"));
  return Object.entries(exports).flatMap(([path, target]) => {
    // Without code, or for the monorepo alone.
    if (typeof target === "string" || target["default"] === undefined) return [];
    const specifier = `@tessera/${name}${path.slice(1)}`;
    if (!path.includes("*")) return [specifier];
    const [before = "", after = ""] = target["default"].split("*");
    if (!existsSync(join(folder, before))) return [];
    return readdirSync(join(folder, before))
      .filter((file) => file.endsWith(after) && !file.startsWith("chunk-"))
      .map((file) => specifier.replace("*", file.slice(0, -after.length)));
  });
};

beforeAll(async () => {
  for (const name of names)
    if (!existsSync(join(root, folderOf(name), "dist/index.js")))
      throw new Error(`${folderOf(name)} is not built; run \`npm run build\` first`);
  const workspaces = names.flatMap((name) => ["--workspace", folderOf(name)]);
  await npm(["pack", ...workspaces, "--pack-destination", temp, "--ignore-scripts"], root);
  for (const name of names) await install(name);
}, 300_000);

afterAll(() => {
  rmSync(temp, { recursive: true, force: true });
});

describe.each(names)("@tessera/%s", { timeout: 60_000 }, (name) => {
  const project = join(temp, name);

  test("installs nothing but the packages it names", () => {
    expect(readdirSync(join(project, "node_modules/@tessera")).sort()).toEqual(closure(name).sort());
    const others = readdirSync(join(project, "node_modules")).filter((entry) => !/^(\.|@tessera$)/.test(entry));
    const wanted = closure(name).flatMap(outside);
    expect(others.sort()).toEqual([...new Set(wanted.map(([dependency]) => dependency.split("/")[0]))].sort());
    if (name === "tensor") expect(wanted).toEqual([]);
  });

  test("imports alone, by every path that it exports", async () => {
    for (const specifier of specifiersOf(project, name)) {
      const program = `const m = await import(${JSON.stringify(specifier)}); if (typeof m !== "object") process.exit(3);`;
      expect(await node(["--input-type=module", "-e", program], project), specifier).toEqual({ code: 0, output: "" });
    }
  });

  test("ships code, types, sources and licence, and no tests", () => {
    const folder = join(project, "node_modules/@tessera", name);
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
    expect(files).toEqual(expect.arrayContaining(["LICENSE", "README.md", "package.json"]));
    expect(files.filter((file) => /\.test\.|tsconfig|\.turbo/.test(file))).toEqual([]);
  });

  test("is clean by publint", async () => {
    const manifest = manifestOf(name);
    const tarball = readFileSync(tarballOf(name));
    const bytes = tarball.buffer.slice(tarball.byteOffset, tarball.byteOffset + tarball.byteLength);
    const { messages } = await publint({ pack: { tarball: bytes }, level: "suggestion" });
    expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
  });

  test("is clean by are-the-types-wrong", async () => {
    const excluded = Object.entries(manifestOf(name).exports)
      .filter(([, target]) => typeof target === "string" || target["default"] === undefined)
      .map(([path]) => path.slice(2));
    const exclude = excluded.length > 0 ? ["--exclude-entrypoints", ...excluded] : [];
    const args = [attw, tarballOf(name), "--profile", "esm-only", "--no-color", "--no-emoji", ...exclude];
    const { code, output } = await node(args, temp);
    expect(code, output).toBe(0);
  });
});

// In a project with tensor alone, and in the one that has them all: each compilation reads the whole DOM library.
describe.each(["tensor", "cli"] as const)("the types of @tessera/%s and all below it", { timeout: 60_000 }, (name) => {
  test.each([
    ["nodenext", "nodenext"],
    ["bundler", "esnext"],
  ])("resolve and check under moduleResolution %s", async (moduleResolution, module) => {
    const project = join(temp, name);
    const specifiers = closure(name).flatMap((each) => specifiersOf(project, each));
    const lines = specifiers.map((specifier, i) => `export * as m${i} from "${specifier}";\n`);
    writeFileSync(join(project, `${moduleResolution}.ts`), lines.join(""));
    // No ambient types and no skipLibCheck: our declarations must stand on their own.
    const lib = ["es2023", "dom", "dom.iterable"];
    const compilerOptions = {
      strict: true,
      noEmit: true,
      target: "es2022",
      lib,
      types: [],
      module,
      moduleResolution,
    };
    const tsconfig = { compilerOptions, files: [`${moduleResolution}.ts`] };
    writeFileSync(join(project, `${moduleResolution}.json`), JSON.stringify(tsconfig));
    expect(await node([tsc, "--project", `${moduleResolution}.json`], project)).toEqual({ code: 0, output: "" });
  });
});

describe("the command line of @tessera/cli, installed", { timeout: 120_000 }, () => {
  const project = join(temp, "cli");
  /** What `npx tessera …` does, without a network. */
  const tessera = (...args: string[]): Promise<Result> =>
    node([npmCli(), "exec", "--offline", "--", "tessera", ...args], project);
  const small = "--hidden 16 --layers 1 --heads 2 --vocab 300 --length 16 --tokens 512".split(" ");

  test("prints its help, and says how it is started here", async () => {
    const { code, output } = await tessera("--help");
    expect(output).toContain("Usage: tessera");
    expect(output).toContain("Example:\n  npx tessera demo\n");
    expect(code).toBe(0);
    expect(await tessera("--version")).toEqual({ code: 0, output: manifestOf("cli").version });
  });

  test("ends with 2 where the command line is wrong", async () => {
    const { code, output } = await tessera("pretrain", "--token", "1");
    expect(output).toContain("tessera: unknown option '--token' (Did you mean --tokens?)");
    expect(code).toBe(2);
  });

  test("pre-trains on WordNet, which is installed with it, and looks at what it saved", async () => {
    const { code, output } = await tessera("pretrain", ...small, "--json");
    expect(code, output).toBe(0);
    expect(JSON.parse(output)).toMatchObject({ model: join("runs", "pretrain"), steps: 4 });
    expect(readdirSync(join(project, "runs/pretrain"))).toContain("LICENSE-WordNet");
    const info = await tessera("info", "runs/pretrain");
    expect(info.output).toContain("roberta.encoder.layer.0.intermediate.dense.weight");
    expect(info.code).toBe(0);
  });

  test("writes a new project whose two commands work: install and train", async () => {
    expect(await tessera("new", "../my-run")).toMatchObject({ code: 0 });
    const started = join(temp, "my-run");
    const manifest = readManifest(join(started, "package.json")) as Manifest & {
      devDependencies: Record<string, string>;
    };
    // What is on the registry for its users are tarballs and links here: no network.
    const own = closure("models").map((each): [string, string] => [`@tessera/${each}`, `file:${tarballOf(each)}`]);
    const tools = Object.keys(manifest.devDependencies).map((each): [string, string] => [
      each,
      `file:${join(root, "node_modules", each)}`,
    ]);
    expect(own.map(([each]) => each)).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies!)));
    manifest.dependencies = Object.fromEntries([...own, ...tools]);
    writeFileSync(join(started, "package.json"), JSON.stringify({ ...manifest, devDependencies: {} }));
    await npm(["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"], started);

    const output = await npm(["run", "train"], started);
    const losses = [...output.matchAll(/: loss ([\d.]+)/g)].map(([, loss]) => Number(loss));
    expect(losses.length).toBe(15);
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
    expect(output).toContain("finished at step 300");
    expect(readdirSync(join(started, "runs/model"))).toContain("model.safetensors");
    // What is finished begins no second time.
    expect(await npm(["run", "train"], started)).not.toContain("loss 6");
  });
});
