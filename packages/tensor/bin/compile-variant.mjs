import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { KernelBuildError } from "./kernel-build-error.mjs";
import { readSource } from "./read-source.mjs";

const slotBytes = 65536;
/** What a module asks of the memory that it imports: room for every slot. The backend creates it with no fewer pages. */
const pages = { initial: 16, maximum: 65536 };

const commonFlags = [
  "--runtime",
  "stub",
  "--noAssert",
  // Generic functions that kernels share are exported between files, never from the module.
  "--disableWarning",
  "235",
  "-O3",
  "--importMemory",
  "--noExportMemory",
  "--sharedMemory",
  "--initialMemory",
  `${pages.initial}`,
  "--maximumMemory",
  `${pages.maximum}`,
  "--enable",
  "simd",
  "--enable",
  "threads",
];
/** Builds of one source; `ASC_FEATURE_RELAXED_SIMD` is known to the compiler, `TESSERA_WIDE` to assembly/simd.as.ts. */
export const variants = {
  baseWasm: [],
  relaxedWasm: ["--enable", "relaxed-simd"],
  wideWasm: ["--enable", "relaxed-simd", "--use", "TESSERA_WIDE=1"],
};

const assembly = fileURLToPath(new URL("../src/assembly", import.meta.url));
/** "@tessera/tensor/assembly/simd.as" is src/assembly/simd.as.ts, by the path that the package's `exports` give to everyone. */
const assemblyPrefix = "node_modules/@tessera/tensor/assembly/";

/** One variant, compiled in a thread of its own: `wasm`, its bytes, and `functions`, the names of its functions in order. */
export const compileInThread = (job) =>
  new Promise((done, failed) =>
    new Worker(fileURLToPath(import.meta.url), { workerData: job })
      .once("message", ({ refusal, ...compiled }) =>
        refusal === undefined ? done(compiled) : failed(new KernelBuildError(refusal)),
      )
      .once("error", failed),
  );

/** The last data segment's end, from the text format: `(data $0 (i32.const 65536) "…")`. */
const dataEnd = (text) => {
  let end = 0;
  for (const [, offset, bytes] of text.matchAll(/\(data \$\S+ \(i32\.const (\d+)\) "((?:[^"\\]|\\.)*)"\)/g))
    end = Math.max(end, Number(offset) + bytes.replace(/\\(?:[0-9a-f]{2}|.)/g, "x").length);
  return end;
};

const compile = async ({ folder, slot, flags, compiler }) => {
  const { default: asc } = await import(compiler);
  const out = {};
  const stderr = asc.createMemoryStream();
  const io = {
    readFile(file) {
      const path = file.startsWith(assemblyPrefix)
        ? join(assembly, file.slice(assemblyPrefix.length))
        : resolve(folder, file);
      return existsSync(path) ? readSource(path) : null;
    },
    writeFile: (file, contents) => void (out[file] = contents),
    listFiles: () => null,
    stderr,
  };
  const base = slotBytes * (slot ?? 1);
  const files = ["src/kernels.as.ts", "--outFile", "out.wasm", "--textFile", "out.wat"];
  const { error } = await asc.main([...files, ...commonFlags, "--memoryBase", `${base}`, ...flags], io);
  const said = stderr.toString().trim();
  if (error) return { refusal: `${error.message}\n${said}`.trim() };
  if (said !== "") console.error(said);
  const bytes = dataEnd(out["out.wat"]) - base;
  if (slot === null && bytes > 0)
    return {
      refusal: `the kernels have ${bytes} bytes of static data, and no place for them; name a slot in package.json, "tessera": { "memorySlot": 3 }, up to 15`,
    };
  if (bytes > slotBytes)
    return { refusal: `the kernels have ${bytes} bytes of static data, and a slot holds ${slotBytes}; shrink tables` };
  const functions = Array.from(out["out.wat"].matchAll(/^ \(func \$(\S+)/gm), ([, name]) => name);
  return { wasm: out["out.wasm"], functions };
};

if (!isMainThread) parentPort.postMessage(await compile(workerData));
