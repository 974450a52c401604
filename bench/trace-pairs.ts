// What V8 says of the pairs of 128-bit operations that it joins into 256-bit ones. A program for the engine in question: its flags are its own.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** A function that stores vectors side by side: that is where V8 begins to look for pairs. */
export interface PairedFunction {
  /** Its place among the module's functions. */
  readonly index: number;
  /** Pairs of stores. */
  readonly pairs: number;
  /** Those that became 256-bit stores, with all that leads to them. */
  readonly joined: number;
  /** Why others did not, where V8 says it. */
  readonly reasons: readonly string[];
}

const run = promisify(execFile);
const MAX_OUTPUT = 1 << 28;

/** Everything is compiled at once by the optimising compiler, one function after the other: the trace names a function at its beginning. */
const FLAGS = [
  "--experimental-wasm-revectorize",
  "--trace-wasm-revectorize",
  "--no-liftoff",
  "--no-wasm-lazy-compilation",
  "--single-threaded",
];

/**
 * Compiles a module in another process and reads its trace.
 *
 * @param node the path of a Node whose V8 has the flag: 24 to 26
 */
export const tracePairs = async (node: string, wasm: Uint8Array): Promise<PairedFunction[]> => {
  const folder = await mkdtemp(join(tmpdir(), "tessera-pairs-"));
  try {
    const file = join(folder, "kernels.wasm");
    await writeFile(file, wasm);
    const program = `new WebAssembly.Module(require("node:fs").readFileSync(${JSON.stringify(file)}))`;
    const options = { maxBuffer: MAX_OUTPUT, env: { ...process.env, NODE_OPTIONS: "" } };
    const { stdout } = await run(node, [...FLAGS, "--eval", program], options);
    return readTrace(stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
};

const readTrace = (trace: string): PairedFunction[] => {
  const parts = trace.split(/Begin revec function wasm-function#(\d+)\n/).slice(1);
  const found: PairedFunction[] = [];
  for (let i = 0; i < parts.length; i += 2) {
    const text = parts[i + 1]!;
    const count = (pattern: RegExp): number => [...text.matchAll(pattern)].length;
    // Each pair of stores stands in braces. V8 then says of which it could build a tree, and whether what they make together is worth it.
    const pairs = count(/^\{$/gm);
    if (pairs === 0) continue;
    const failed = count(/tree failed!/g);
    const worth = /Decided? to vectorize, [1-9]/.test(text);
    const reasons = [...text.matchAll(/(?:Can't pack|Unsupported)[^\n]*/g)].map(([reason]) =>
      reason.replaceAll(/\s*#\d+,?/g, "").trim(),
    );
    found.push({
      index: Number(parts[i]),
      pairs,
      joined: worth ? pairs - failed : 0,
      reasons: [...new Set(worth ? reasons : [...reasons, ...(failed < pairs ? ["not worth it to V8"] : [])])],
    });
  }
  return found;
};
