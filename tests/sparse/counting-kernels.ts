import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import type { TypedArray } from "@tessera/tensor";
import type {
  Call,
  CpuArgument,
  CpuStep,
  Layout,
  Op,
  Plan,
  Signature,
  WasmBuild,
  WasmModule,
} from "@tessera/tensor/extend";

/** The part of binaryen that is used here; it comes with the AssemblyScript compiler. */
interface Binaryen {
  readBinary(bytes: Uint8Array): BinaryenModule;
  parseText(text: string): BinaryenModule;
  readonly Features: { readonly All: number };
}
interface BinaryenModule {
  setFeatures(features: number): void;
  emitText(): string;
  emitBinary(): Uint8Array<ArrayBuffer>;
  dispose(): void;
}

const loadBinaryen = async (): Promise<Binaryen> => {
  const compiler = createRequire(import.meta.url).resolve("assemblyscript/package.json");
  const { default: binaryen } = (await import(pathToFileURL(createRequire(compiler).resolve("binaryen")).href)) as {
    default: Binaryen;
  };
  return binaryen;
};

/** Every instruction that multiplies floats, with the number of products that one makes. */
const multiplications: {
  readonly [instruction: string]: { readonly products: number; readonly type: string; readonly operands: number };
} = {
  "f32.mul": { products: 1, type: "f32", operands: 2 },
  "f64.mul": { products: 1, type: "f64", operands: 2 },
  "f32x4.mul": { products: 4, type: "v128", operands: 2 },
  "f64x2.mul": { products: 2, type: "v128", operands: 2 },
  "f32x4.relaxed_madd": { products: 4, type: "v128", operands: 3 },
  "f32x4.relaxed_nmadd": { products: 4, type: "v128", operands: 3 },
  "f64x2.relaxed_madd": { products: 2, type: "v128", operands: 3 },
  "f64x2.relaxed_nmadd": { products: 2, type: "v128", operands: 3 },
};

/**
 * The shipped kernels with every multiplication replaced by a call that counts it. The bytes are those that users run; only the
 * counter is added.
 */
const instrument = async (bytes: Uint8Array): Promise<WebAssembly.Module> => {
  const binaryen = await loadBinaryen();
  const source = binaryen.readBinary(bytes);
  source.setFeatures(binaryen.Features.All);
  let text = source.emitText();
  source.dispose();
  const functions = Object.entries(multiplications).map(([instruction, { products, type, operands }]) => {
    const name = `$counted_${instruction.replace(".", "_")}`;
    text = text.replaceAll(new RegExp(`\\(${instruction.replace(".", "\\.")}\\s`, "g"), `(call ${name} `);
    const names = Array.from({ length: operands }, (_, i) => `$${i}`);
    const used = text.includes(name);
    return used
      ? `(func ${name} ${names.map((operand) => `(param ${operand} ${type})`).join(" ")} (result ${type})
           (global.set $multiplications (i64.add (global.get $multiplications) (i64.const ${products})))
           (${instruction} ${names.map((operand) => `(local.get ${operand})`).join(" ")}))`
      : "";
  });
  const counter = `(global $multiplications (mut i64) (i64.const 0)) (export "multiplications" (global $multiplications))`;
  const counting = binaryen.parseText(text.replace(/\)\s*$/, `${counter} ${functions.join("\n")})`));
  counting.setFeatures(binaryen.Features.All);
  const counted = counting.emitBinary();
  counting.dispose();
  return new WebAssembly.Module(counted);
};

/** Bytes behind every tensor and every scratch region that no kernel may write. */
const GUARD = 4096;
const UNTOUCHED = 0xa5;

/** What a kernel is given or gives back. */
export interface HostArray {
  readonly layout: Layout;
  readonly values: TypedArray;
}

export interface Counted {
  readonly outputs: readonly Float32Array[];
  readonly multiplications: number;
}

/** Runs an op's plan step by step on instrumented kernels, in a memory of its own. */
export type CountingRunner = <S extends Signature>(
  op: Op<S>,
  inputs: readonly (HostArray | null)[],
  outputs: readonly (Layout | null)[],
  attrs: object,
) => Counted;

/** A runner for one build of the kernels. */
export const countingRunner = async (build: WasmBuild, wasm: WasmModule): Promise<CountingRunner> => {
  const module = await instrument(wasm.bytes(build));
  return (op, inputs, outputs, attrs) => {
    if ("view" in op.kernels || op.kernels.cpu === "reference") throw new Error(`${op.name} has no kernels to count`);
    const call = { inputs: inputs.map((one) => one && one.layout), outputs, attrs } as unknown as Call<Signature>;
    const planner = op.kernels.cpu as { plan(call: Call<Signature>, limits: object): Plan<CpuStep> };
    const { steps, scratchBytes = [] } = planner.plan(call, {});

    const memory = new WebAssembly.Memory({ initial: 1024, maximum: 65536, shared: true });
    let heap = 1 << 20;
    const guards: number[] = [];
    const room = (bytes: number): number => {
      const at = heap;
      const guard = at + Math.ceil(bytes / 64) * 64;
      heap = guard + GUARD;
      if (heap > memory.buffer.byteLength) throw new Error("the case is larger than the memory of this runner");
      new Uint8Array(memory.buffer, guard, GUARD).fill(UNTOUCHED);
      guards.push(guard);
      return at;
    };
    const put = (values: TypedArray): number => {
      const at = room(values.byteLength);
      new Uint8Array(memory.buffer, at, values.byteLength).set(
        new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
      );
      return at;
    };
    const size = ({ shape }: Layout): number => shape.reduce((n, one) => n * one, 1);
    const inputsAt = inputs.map((one) => (one ? put(one.values) : 0));
    // What a kernel does not write is NaN.
    const outputsAt = outputs.map((one) => (one ? put(new Float32Array(size(one)).fill(NaN)) : 0));
    const scratchAt = scratchBytes.map((bytes) => put(new Float32Array(Math.ceil(bytes / 4)).fill(NaN)));

    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    let words = 1024;
    const resolve = (argument: CpuArgument): number => {
      if (typeof argument === "number") return argument;
      if ("in" in argument) return inputsAt[argument.in]!;
      if ("out" in argument) return outputsAt[argument.out]!;
      if ("scratch" in argument) return scratchAt[argument.scratch]!;
      if (!("words" in argument)) throw new Error("no scalars here");
      const at = words;
      new Int32Array(memory.buffer, at, argument.words.length).set(argument.words.map(resolve));
      words += argument.words.length * 4;
      return at;
    };
    for (const { fn, args, tasks } of steps) {
      const kernel = exports[fn] as (...args: readonly number[]) => void;
      const resolved = args.map(resolve);
      // Backwards: no task may rely on another one of its step.
      for (let task = tasks - 1; task >= 0; task--) kernel(task, ...resolved);
    }
    for (const guard of guards)
      if (new Uint8Array(memory.buffer, guard, GUARD).some((byte) => byte !== UNTOUCHED))
        throw new Error(`${op.name}: a kernel wrote past the end of a tensor or of its scratch`);
    return {
      outputs: outputs.map((one, i) =>
        one ? new Float32Array(memory.buffer.slice(outputsAt[i], outputsAt[i]! + 4 * size(one))) : new Float32Array(),
      ),
      multiplications: Number((exports["multiplications"] as WebAssembly.Global).value),
    };
  };
};
