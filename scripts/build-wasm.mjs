// Compiles the AssemblyScript kernels of packages: `node ../../scripts/build-wasm.mjs` in a package's folder, or with
// folders as arguments. Nothing is compiled when no input has changed.
//
// In:   src/kernels.as.ts, the one entry; it says `export * from "./ops/softmax/softmax.as";` for every family.
// Out:  src/generated/wasm.ts, git-ignored, with `baseWasm` and `relaxedWasm` as base64: no loader, no file, no fetch when
//       the package runs. Two variants come from one source: `ASC_FEATURE_RELAXED_SIMD` is known to the compiler.
//
// Imports: "./dot.as" is relative, without `.ts`. "@tessera/tensor/assembly/simd.as" is
// packages/tensor/src/assembly/simd.as.ts, by the path that the package's `exports` give to everyone.
//
// Memory: one shared linear memory serves all modules. Bytes below 65536 belong to the backend; then comes one slot of
// static data for each package (`memoryBases`), and the heap starts above all slots. That data fits its slot is checked.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const slotBytes = 65536;
const memoryBases = { tensor: 65536, sparse: 131072 };
/** What a module asks of the memory that it imports: room for every slot. The backend creates it with no fewer pages. */
const pages = { initial: 16, maximum: 65536 };

const flags = [
  ...["--runtime", "stub", "--noAssert", "-O3"],
  ...["--importMemory", "--noExportMemory", "--sharedMemory"],
  ...["--initialMemory", `${pages.initial}`, "--maximumMemory", `${pages.maximum}`],
  ...["--enable", "simd", "--enable", "threads"],
];
const variants = { baseWasm: [], relaxedWasm: ["--enable", "relaxed-simd"] };

const script = fileURLToPath(import.meta.url);
const packages = fileURLToPath(new URL("../packages", import.meta.url));
const assemblyPrefix = "node_modules/@tessera/tensor/assembly/";
const { version } = createRequire(import.meta.url)("assemblyscript/package.json");

/** Hash of all that the result can depend on, this script and the compiler included. */
const inputHash = (folder) => {
  const hash = createHash("sha256").update(version).update(readFileSync(script));
  for (const source of new Set([join(packages, "tensor/src"), join(folder, "src")])) {
    const files = readdirSync(source, { recursive: true }).filter((file) => file.endsWith(".as.ts"));
    for (const file of files.sort()) hash.update(file).update(readFileSync(join(source, file)));
  }
  return hash.digest("hex");
};

/** End of the last data segment, from the text format: `(data $0 (i32.const 65536) "…")`. */
const dataEnd = (text) => {
  let end = 0;
  for (const [, offset, bytes] of text.matchAll(/\(data \$\S+ \(i32\.const (\d+)\) "((?:[^"\\]|\\.)*)"\)/g))
    end = Math.max(end, Number(offset) + bytes.replace(/\\(?:[0-9a-f]{2}|.)/g, "x").length);
  return end;
};

/** The bytes of one variant. */
const compile = async (folder, memoryBase, extraFlags) => {
  // Loading the compiler takes longer than finding out that it is not needed.
  const { default: asc } = await import("assemblyscript/asc");
  const out = {};
  const stderr = asc.createMemoryStream();
  const io = {
    readFile(file) {
      const path = file.startsWith(assemblyPrefix)
        ? join(packages, "tensor/src/assembly", file.slice(assemblyPrefix.length))
        : resolve(folder, file);
      return existsSync(path) ? readFileSync(path, "utf8") : null;
    },
    writeFile: (file, contents) => void (out[file] = contents),
    listFiles: () => null,
    stderr,
  };
  const files = ["src/kernels.as.ts", "--outFile", "out.wasm", "--textFile", "out.wat"];
  const { error } = await asc.main([...files, ...flags, "--memoryBase", `${memoryBase}`, ...extraFlags], io);
  const said = stderr.toString().trim();
  if (said !== "") console.error(said);
  if (error) throw error;
  const end = dataEnd(out["out.wat"]);
  if (end > memoryBase + slotBytes)
    throw new Error(
      `static data ends at ${end}, past its slot's end ${memoryBase + slotBytes}; add slots or shrink tables`,
    );
  return out["out.wasm"];
};

/** The compiler takes ten seconds and one core for each variant: both at once. */
const compileInThread = (job) =>
  new Promise((done, failed) => new Worker(script, { workerData: job }).once("message", done).once("error", failed));

const build = async (folder) => {
  if (!existsSync(join(folder, "src/kernels.as.ts"))) return;
  const name = basename(folder);
  const memoryBase = memoryBases[name];
  if (memoryBase === undefined) throw new Error("no memoryBase; add one to memoryBases in scripts/build-wasm.mjs");

  const output = join(folder, "src/generated/wasm.ts");
  const current = () => {
    const stamp = `// Generated by scripts/build-wasm.mjs from inputs ${inputHash(folder)}.`;
    return { stamp, fresh: existsSync(output) && readFileSync(output, "utf8").startsWith(stamp) };
  };
  if (current().fresh) return;
  mkdirSync(join(folder, "src/generated"), { recursive: true });
  const unlock = await lock(`${output}.lock`);
  try {
    // Whoever held the lock may have built the same.
    const { stamp, fresh } = current();
    if (!fresh) await write(name, folder, memoryBase, output, stamp);
  } finally {
    unlock();
  }
};

/** Waits until no other process builds the same package; one that died does not count. */
const lock = async (path) => {
  for (;;) {
    try {
      writeFileSync(path, `${process.pid}`, { flag: "wx" });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (!isAlive(path)) rmSync(path, { force: true });
    await setTimeout(200);
  }
};

const isAlive = (path) => {
  try {
    process.kill(Number(readFileSync(path, "utf8")), 0);
    return true;
  } catch {
    return false;
  }
};

const write = async (name, folder, memoryBase, output, stamp) => {
  let text = `${stamp}\n`;
  const compiled = await Promise.all(
    Object.entries(variants).map(async ([variant, extraFlags]) => [
      variant,
      await compileInThread({ folder, memoryBase, extraFlags }),
    ]),
  );
  for (const [variant, wasm] of compiled) {
    const base64 = Buffer.from(wasm).toString("base64");
    text += `\n/** ${wasm.length} bytes of WebAssembly. */\nexport const ${variant} =\n  "${base64}";\n`;
    console.log(`${name}: ${variant}, ${wasm.length} bytes`);
  }
  // Whoever imports it meanwhile sees the old file or the new one, never half of it.
  const partial = `${output}.${process.pid}`;
  writeFileSync(partial, text);
  renameSync(partial, output);
};

if (!isMainThread) {
  const { folder, memoryBase, extraFlags } = workerData;
  parentPort.postMessage(await compile(folder, memoryBase, extraFlags));
} else {
  const folders = process.argv.length > 2 ? process.argv.slice(2) : ["."];
  for (const folder of folders.map((path) => resolve(path))) {
    try {
      await build(folder);
    } catch (error) {
      console.error(`build-wasm: ${basename(folder)}: ${error.message}`);
      process.exitCode = 1;
    }
  }
}
