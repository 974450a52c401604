// What becomes of the cpu device where the engine or the page allows less than it wants.
import { runInNewContext } from "node:vm";
import type * as tensorPackage from "@tessera/tensor";
import type { Tensor } from "@tessera/tensor";
import type * as extension from "@tessera/tensor/extend";
import { afterEach, describe, expect, it, vi } from "vitest";

type Tessera = typeof tensorPackage & typeof extension;

/** The package as it is when it is first imported now. */
const importAnew = async (): Promise<Tessera> => {
  vi.resetModules();
  return { ...(await import("@tessera/tensor")), ...(await import("@tessera/tensor/extend")) };
};
afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

/** The devices that are left still work. */
const worksOnReference = ({ exp, reference, scope, setDefaultDevice, tensor, memory }: Tessera): void => {
  setDefaultDevice("reference");
  scope((): void => {
    expect([...exp(tensor([0, 1])).dataSync()]).toEqual([1, Math.fround(Math.E)]);
    expect(tensor([1]).device).toBe(reference);
  });
  expect(memory()["cpu"]?.storages ?? 0).toBe(0);
};

const ELSEWHERE = 'or run on plain JavaScript, slowly: setDefaultDevice("reference")';

describe("without SharedArrayBuffer", () => {
  it("the cpu device works, on one thread", async () => {
    vi.stubGlobal("SharedArrayBuffer", undefined);
    const { cpu, exp, matmul, ones, scope, sum } = await importAnew();
    expect(cpu.threads).toBe(1);
    scope((): void => {
      expect(sum(matmul(ones([300, 257]), ones([257, 190]))).itemSync()).toBe(300 * 257 * 190);
      expect(
        exp(ones([100_000]))
          .dataSync()
          .every((value) => Math.abs(value - Math.E) < 1e-6),
      ).toBe(true);
    });
    expect(cpu.threadsJoined).toBe(1);
  });

  it("more threads are a DeviceError that names the headers", async () => {
    vi.stubGlobal("SharedArrayBuffer", undefined);
    const { cpu, DeviceError, setThreads } = await importAnew();
    setThreads(1);
    expect(() => setThreads(2)).toThrow(DeviceError);
    expect(() => setThreads(2)).toThrow(
      "setThreads: more than one thread needs memory that can be shared, which is not allowed here; serve the page with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp",
    );
    expect(cpu.threads).toBe(1);
  });
});

describe("a page that is not cross-origin isolated", () => {
  it("has one thread", async () => {
    vi.stubGlobal("crossOriginIsolated", false);
    const { cpu } = await importAnew();
    expect(cpu.threads).toBe(1);
  });
});

describe("a content-security policy without wasm-unsafe-eval", () => {
  it("is a DeviceError that says what to allow, each time; the reference device works", async () => {
    // An engine that refuses in earnest: a context in which code is not generated.
    const options = { contextCodeGeneration: { wasm: false } };
    const strict = runInNewContext("WebAssembly", {}, options) as typeof WebAssembly;
    vi.stubGlobal("WebAssembly", strict);
    const tessera = await importAnew();
    const { DeviceError, tensor, zeros } = tessera;
    for (const make of [() => tensor([1]), () => zeros([3]), () => tensor([1])]) {
      expect(make).toThrow(DeviceError);
      expect(make).toThrow(
        `cpu: the engine refused the kernels (WebAssembly.Module(): Wasm code generation disallowed by embedder); a content-security-policy must allow 'wasm-unsafe-eval' in script-src, ${ELSEWHERE}`,
      );
    }
    worksOnReference(tessera);
  });
});

describe("an engine", () => {
  it("without SIMD is a DeviceError that says what is needed; the reference device works", async () => {
    // Where there is no SIMD, no module that uses it is valid.
    vi.stubGlobal("WebAssembly", { ...WebAssembly, Memory: WebAssembly.Memory, validate: () => false });
    const tessera = await importAnew();
    const { DeviceError, fusesMultiplyAdd, setThreads, tensor } = tessera;
    for (const make of [() => tensor([1]), () => setThreads(2)]) {
      expect(make).toThrow(DeviceError);
      expect(make).toThrow(
        `cpu: this engine has no WebAssembly SIMD; use Node 20, Chrome 91, Firefox 89, Safari 16.4 or newer on a CPU with SSE 4.1 or NEON, ${ELSEWHERE}`,
      );
    }
    expect(fusesMultiplyAdd()).toBe(false);
    worksOnReference(tessera);
  });

  it("without WebAssembly is a DeviceError; the reference device works", async () => {
    vi.stubGlobal("WebAssembly", undefined);
    const tessera = await importAnew();
    const { DeviceError, fusesMultiplyAdd, tensor } = tessera;
    expect(() => tensor([1])).toThrow(DeviceError);
    expect(() => tensor([1])).toThrow(`cpu: this engine has no WebAssembly; switch it on, ${ELSEWHERE}`);
    expect(fusesMultiplyAdd()).toBe(false);
    worksOnReference(tessera);
  });

  it("that gives no shared memory is a DeviceError that names both causes", async () => {
    const Memory = class {
      constructor() {
        throw new RangeError("could not allocate memory");
      }
    };
    vi.stubGlobal("WebAssembly", { validate: WebAssembly.validate, Memory });
    const tessera = await importAnew();
    expect(() => tessera.tensor([1])).toThrow(tessera.DeviceError);
    expect(() => tessera.tensor([1])).toThrow(
      `cpu: a shared WebAssembly memory could not be reserved (could not allocate memory); allow at least 256 MiB of address space, use an engine whose WebAssembly memories can be shared (its threads proposal), ${ELSEWHERE}`,
    );
    worksOnReference(tessera);
  });
});

// (module (import "env" "memory" …) (func (export "trap") (param i32) unreachable))
// prettier-ignore
const trapModule = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 1, 127, 0,
  2, 18, 1, 3, 101, 110, 118, 6, 109, 101, 109, 111, 114, 121, 2, 3, 16, 128, 128, 4,
  3, 2, 1, 0, 7, 8, 1, 4, 116, 114, 97, 112, 0, 0, 10, 5, 1, 3, 0, 0, 11,
];

/** An op whose cpu kernel is the trap, with a task for each element. */
const trapOf = (
  { defineOp, wasmModule }: Tessera,
  {
    fn = "trap",
    args = [],
    wasm = wasmModule(btoa(String.fromCharCode(...trapModule))),
  }: { readonly fn?: string; readonly args?: readonly number[]; readonly wasm?: extension.WasmModule } = {},
): extension.Op<{ inputs: [x: Tensor]; outputs: [y: Tensor] }> => {
  return defineOp({
    name: "trap",
    infer: ([x]) => [x],
    kernels: {
      reference: () => {},
      cpu: { plan: ({ inputs: [x] }) => ({ steps: [{ wasm, fn, args, tasks: x.shape[0]! }] }) },
      webgpu: "none",
    },
  });
};

describe("a step that does not fit its kernel", () => {
  it.each([
    [{ args: [1, 2] }, 'trap: kernel "trap" takes 0 arguments after the task, its plan has 2; build the kernels again'],
    [{ fn: "tarp" }, 'trap: its module has no kernel "tarp"; build the kernels again'],
  ])("%o is a DeviceError before anything runs", async (step, message) => {
    const tessera = await importAnew();
    const { cpu, DeviceError, run, tensor } = tessera;
    const trapOp = trapOf(tessera, step);
    const x = tensor([1]);
    for (let again = 0; again < 2; again++) {
      expect(() => run(trapOp, [x])).toThrow(DeviceError);
      expect(() => run(trapOp, [x])).toThrow(message);
    }
    x.dispose();
    cpu.close();
  });
});

describe("two modules of kernels with static data in one memory slot", () => {
  it("are a DeviceError that names both; the same one twice is none", async () => {
    const tessera = await importAnew();
    const { cpu, DeviceError, run, tensor, wasmModule } = tessera;
    // A custom section makes another module of it.
    const [one, other] = [trapModule, [...trapModule, 0, 2, 1, 97]].map((bytes) => btoa(String.fromCharCode(...bytes)));
    const opOf = (base64: string, name: string) => trapOf(tessera, { wasm: wasmModule(base64, { name, slot: 3 }) });
    const x = tensor([1]);
    for (const op of [opOf(one!, "my-ops"), opOf(one!, "my-ops")])
      expect(() => run(op, [x])).toThrow("its kernel trapped");
    expect(() => run(opOf(other!, "your-ops"), [x])).toThrow(DeviceError);
    expect(() => run(opOf(other!, "your-ops"), [x])).toThrow(
      'cpu: memory slot 3 was expected to be free for your-ops, and my-ops has its static data there; give one of them another "memorySlot" from 3 to 15 in package.json, and build its kernels again',
    );
    x.dispose();
    cpu.close();
  });
});

describe("an own kernel that traps", () => {
  it("is a DeviceError that names the op, and the next op works", async () => {
    const tessera = await importAnew();
    const { cpu, DeviceError, exp, memory, run, scope, sum, tensor, zeros } = tessera;
    const trapOp = trapOf(tessera);
    for (const tasks of [1, 64]) {
      const x = tensor(Float32Array.from({ length: tasks }, (_, i) => i - 1));
      const before = memory();
      expect(() => run(trapOp, [x])).toThrow(DeviceError);
      expect(() => run(trapOp, [x])).toThrow(
        "trap: its kernel trapped (unreachable), its results are lost; please report the op and its shapes",
      );
      expect(memory()["cpu"]).toEqual({ ...before["cpu"]!, peakBytes: memory()["cpu"]!.peakBytes });
      expect(x.dataSync()[0]).toBe(-1);
      x.dispose();
    }
    scope((): void => {
      expect(sum(exp(zeros([200_000]))).itemSync()).toBe(200_000);
    });
    cpu.close();
  });
});

describe("a thread of the cpu device", () => {
  it("that ends is replaced, and results stay what they were", async () => {
    const threads = process.getBuiltinModule("node:worker_threads");
    const { Worker } = threads;
    const made: InstanceType<typeof Worker>[] = [];
    threads.Worker = class extends Worker {
      constructor(...given: ConstructorParameters<typeof Worker>) {
        super(...given);
        made.push(this);
      }
    };
    try {
      const { cpu, exp, ones, scope, setThreads } = await importAnew();
      const result = (): string =>
        scope(() =>
          exp(ones([200_000]))
            .dataSync()
            .join(),
        );
      setThreads(2);
      const join = async (): Promise<void> => {
        for (let tries = 0; cpu.threadsJoined < 2; tries++) {
          if (tries > 1000) throw new Error("no thread joined");
          scope((): void => void exp(ones([200_000])));
          await new Promise((done) => setTimeout(done, 5));
        }
      };
      await join();
      const before = result();
      await made[0]!.terminate();
      expect(cpu.threadsJoined).toBe(1);
      expect(result()).toBe(before);
      await join();
      expect(made).toHaveLength(2);
      expect(result()).toBe(before);
      cpu.close();
    } finally {
      threads.Worker = Worker;
    }
  });
});
