// `tessera-wasm` as an outsider has it: a package of its own in an empty folder, its kernel in AssemblyScript, built by the bin and run.
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterEach, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const source = `
import { madd } from "@tessera/tensor/assembly/simd.as";
import { optional } from "@tessera/tensor/assembly/optional.as";

/** Elements of a task. @shared */
// @ts-ignore: decorator
@inline const PER_TASK: i32 = 1 << 2;
/** What is added. @shared */
enum Shift { none, one, three = 3 }

const FACTORS: usize = memory.data<f32>([1, 10, 100, 1000]);

/** y = x ⊙ [1, 10, 100, 1000] + shift + plus, four elements a task. */
export function spread_f32(task: i32, x: usize, plus: optional, y: usize, shift: f32): void {
  const at = <usize>task * <usize>(PER_TASK << 2);
  const addend = plus ? v128.load(plus + at) : f32x4.splat(0);
  v128.store(y + at, madd(v128.load(x + at), v128.load(FACTORS), f32x4.add(addend, f32x4.splat(shift))));
}

/** Not for planners: no task. */
export function answer(): i32 { return 42; }
`;

const program = `
import { add, tensor, zeros } from "@tessera/tensor";
import { defineOp, input, output, run } from "@tessera/tensor/extend";
import { kernels, PER_TASK, Shift } from "./src/generated/kernels.ts";
const spreadOp = (plus) => defineOp({
  name: "spread",
  infer: ([x]) => [x],
  kernels: {
    reference: () => {},
    cpu: {
      plan: ({ inputs: [x] }) => ({
        steps: [kernels.spreadF32(
          { x: input(0), plus: plus ? input(1) : null, y: output(0), shift: Shift.three },
          { tasks: x.shape[0] / PER_TASK },
        )],
      }),
    },
    webgpu: "none",
  },
});
const x = tensor([1, 2, 3, 4, 5, 6, 7, 8]);
console.log(run(spreadOp(false), [x])[0].dataSync().join());
console.log(run(spreadOp(true), [x, add(x, x)])[0].dataSync().join());
`;

/** A package whose dependencies are links to what the monorepo has. */
const makePackage = (tessera: object, kernels = source): string => {
  const folder = mkdtempSync(join(tmpdir(), "tessera-kernels-"));
  folders.push(folder);
  mkdirSync(join(folder, "src"));
  mkdirSync(join(folder, "node_modules/@tessera"), { recursive: true });
  symlinkSync(join(root, "packages/tensor"), join(folder, "node_modules/@tessera/tensor"), "junction");
  symlinkSync(join(root, "node_modules/assemblyscript"), join(folder, "node_modules/assemblyscript"), "junction");
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "my-ops", type: "module", tessera }));
  writeFileSync(join(folder, "src/kernels.as.ts"), 'export * from "./spread.as";\n');
  writeFileSync(join(folder, "src/spread.as.ts"), kernels);
  writeFileSync(join(folder, "main.ts"), program);
  return folder;
};

const node = (folder: string, ...args: string[]): Promise<{ code: number; output: string }> =>
  new Promise((done) => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(NODE_OPTIONS|VITEST)/.test(key)));
    execFile(process.execPath, args, { cwd: folder, env }, (error, stdout, stderr) =>
      done({ code: error ? Number(error.code ?? 1) : 0, output: `${stdout}${stderr}`.trim() }),
    );
  });
const build = (folder: string) => node(folder, join(folder, "node_modules/@tessera/tensor/bin/tessera-wasm.mjs"));
const generated = (folder: string): string => readFileSync(join(folder, "src/generated/kernels.ts"), "utf8");

/** What the compiler says of the generated file under nothing but `"module": "nodenext"` and `"strict": true`. */
const complaints = (folder: string): string[] => {
  const file = join(folder, "src/generated/kernels.ts");
  const program = ts.createProgram([file], {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    strict: true,
    types: [],
    // Declarations may not be built: the sources stand for them, and only the file itself is judged.
    paths: { "@tessera/tensor/*": [join(root, "packages/tensor/src/*.ts")] },
  });
  const source = program.getSourceFile(file)!;
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
    ({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"),
  );
};

describe("tessera-wasm", { timeout: 120_000 }, () => {
  it("builds an outsider's kernels, whose op then runs on cpu", async () => {
    const folder = makePackage({ memorySlot: 5 });
    const built = await build(folder);
    expect(built.code, built.output).toBe(0);
    expect(built.output).toMatch(
      /baseWasm, \d+ bytes of .*\n.*relaxedWasm, \d+ bytes of WebAssembly, as \d+\n.*wideWasm, \d+ bytes/,
    );

    const text = generated(folder);
    expect(text).toContain('import { wasmKernel, wasmModule } from "@tessera/tensor/extend";');
    expect(text).toContain(
      'wasmModule({ base: baseWasm, relaxed: relaxedWasm, wide: wideWasm }, { name: "my-ops", slot: 5 })',
    );
    expect(text).toContain("export const PER_TASK = 4;");
    expect(text).toContain('export const Shift = {\n  "none": 0,\n  "one": 1,\n  "three": 3\n} as const;');
    expect(text).toContain(
      '  spreadF32: wasmKernel(wasm, "spread_f32", {\n    x: "usize",\n    plus: "optional",\n    y: "usize",\n    shift: "f32",\n  }),',
    );
    expect(text).toContain("* y = x ⊙ [1, 10, 100, 1000] + shift + plus, four elements a task.");
    expect(text).not.toContain("answer");
    expect(complaints(folder)).toEqual([]);
    // Node, which strips types itself, wants the ending .ts; a compiler with its settings as they come refuses it.
    expect(text).not.toMatch(/(from|import\() ?"\.{1,2}\//);

    // Nothing has changed: nothing is built.
    expect(await build(folder)).toEqual({ code: 0, output: "" });

    const tsx = join(root, "node_modules/tsx/dist/loader.mjs");
    const ran = await node(folder, "--conditions=@tessera/source", "--import", `file://${tsx}`, "main.ts");
    expect(ran).toEqual({ code: 0, output: "4,23,303,4003,8,63,703,8003\n6,27,309,4011,18,75,717,8019" });
  });

  it("takes the kernels of every folder that fits", async () => {
    const folder = makePackage({ memorySlot: 5 });
    mkdirSync(join(folder, "src/ops/spread"), { recursive: true });
    mkdirSync(join(folder, "src/ops/composed"));
    writeFileSync(join(folder, "src/ops/spread/spread.as.ts"), source);
    writeFileSync(join(folder, "src/kernels.as.ts"), 'export * from "./ops/*/*.as";\n');
    const built = await build(folder);
    expect(built.code, built.output).toBe(0);
    expect(generated(folder)).toContain("`spread_f32` of ops/spread/spread.as.ts.");
  });

  it("says what to install where AssemblyScript is missing", async () => {
    const folder = makePackage({ memorySlot: 5 });
    rmSync(join(folder, "node_modules"), { recursive: true });
    const tensor = join(folder, "node_modules/@tessera/tensor");
    for (const path of ["bin", "src/assembly", "package.json"]) {
      mkdirSync(dirname(join(tensor, path)), { recursive: true });
      cpSync(join(root, "packages/tensor", path), join(tensor, path), { recursive: true });
    }
    const { code, output } = await build(folder);
    expect(code).toBe(1);
    expect(output).toMatch(
      /^tessera-wasm: .*: KernelBuildError: AssemblyScript is expected to compile \*\.as\.ts, and is not installed; npm install --save-dev "assemblyscript@\^0\.28\.20"$/,
    );
  });

  it.each([
    [
      "static data without a slot",
      {},
      source,
      'the kernels have 16 bytes of static data, and no place for them; name a slot in package.json, "tessera": { "memorySlot": 3 }, up to 15',
    ],
    [
      "a slot that is none",
      { memorySlot: 16 },
      source,
      '"tessera": { "memorySlot" } of package.json: a whole number from 1 to 15 expected, got 16; 1 is tensor\'s, 2 is sparse\'s, take another',
    ],
    [
      "a parameter that no planner can give",
      { memorySlot: 5 },
      "export function f(task: i32, count: i64): void {}",
      'parameter "count" of kernel "f" is i64; usize, optional, i32, f32, f64 expected',
    ],
    [
      "kernels of one name in camelCase",
      { memorySlot: 5 },
      "export function a_b(task: i32): void {}\nexport function aB(task: i32): void {}",
      'kernels "a_b" and "aB" are both aB; rename one',
    ],
    [
      "a shared constant that is not known",
      { memorySlot: 5 },
      "/** @shared */\nconst A: i32 = load<i32>(8);\nexport function f(task: i32): void { store<i32>(8, A); }",
      '@shared "A" is expected to be known before it is compiled: literals, + - * / << |, and constants above it',
    ],
    [
      "an entry that no file fits",
      { memorySlot: 5 },
      'export * from "./ops/*/*.as";',
      'no file fits "./ops/*/*.as.ts"; name one, or delete the line',
    ],
    ["what does not compile", { memorySlot: 5 }, "export function f(task: i32): void { none(); }", "Cannot find name"],
  ])("refuses %s", async (_, tessera, kernels, message) => {
    const { code, output } = await build(makePackage(tessera, kernels));
    expect(output).toContain("KernelBuildError: ");
    expect(output).toContain(message);
    expect(code).toBe(1);
  });
});
