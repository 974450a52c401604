import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const source = "peak-probe.as.ts";

const flags = [
  ...["--runtime", "stub", "--noAssert", "-O3", "--importMemory", "--noExportMemory", "--sharedMemory"],
  ...["--initialMemory", "1", "--maximumMemory", "65536", "--enable", "simd", "--enable", "threads"],
];

/** The probe's kernels, compiled at first use into bench/generated: with fused multiply-adds, or without. */
export const buildProbe = async (fused: boolean): Promise<WebAssembly.Module> => {
  const text = readFileSync(`${here}${source}`, "utf8");
  const folder = `${here}generated`;
  const hash = createHash("sha256").update(text).update(`${fused}`).digest("hex").slice(0, 16);
  const file = `${folder}/peak-probe-${hash}.wasm`;
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, await compile(text, fused));
  }
  return new WebAssembly.Module(readFileSync(file));
};

/** What is used of the compiler; its own types would redefine those of arrays for the whole program. */
interface Compiler {
  createMemoryStream(): { toString(): string };
  main(
    args: readonly string[],
    io: {
      readFile(name: string): string | null;
      writeFile(name: string, contents: string | Uint8Array): void;
      listFiles(): null;
      stderr: unknown;
    },
  ): Promise<{ error: Error | null }>;
}

const loadCompiler = async (): Promise<Compiler> => {
  const name: string = "assemblyscript/asc";
  return ((await import(name)) as { default: Compiler }).default;
};

const compile = async (text: string, fused: boolean): Promise<Uint8Array> => {
  const written = new Map<string, string | Uint8Array>();
  const asc = await loadCompiler();
  const stderr = asc.createMemoryStream();
  const variant = fused ? ["--enable", "relaxed-simd"] : [];
  const { error } = await asc.main([source, "--outFile", "probe.wasm", ...flags, ...variant], {
    readFile: (name) => (name === source ? text : null),
    writeFile: (name, contents) => void written.set(name, contents),
    listFiles: () => null,
    stderr,
  });
  const wasm = written.get("probe.wasm");
  if (error || !(wasm instanceof Uint8Array)) throw new Error(`bench: ${source} did not compile: ${stderr.toString()}`);
  return wasm;
};
