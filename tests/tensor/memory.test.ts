import {
  add,
  arange,
  cpu,
  DeviceError,
  dispose,
  exp,
  full,
  keep,
  LifetimeError,
  memory,
  OutOfMemoryError,
  Parameter,
  permute,
  reference,
  resetPeakMemory,
  scope,
  slice,
  tensor,
  TesseraError,
  zeros,
  type Tensor,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";

const live = (): number => memory()["cpu"]?.tensors ?? 0;

describe("scope", () => {
  it("frees all but what it returns, in arrays, maps and objects too", () =>
    withoutLeaks(() => {
      const before = live();
      const made: Tensor[] = [];
      const out = scope(() => {
        const x = tensor([1, 2]);
        made.push(x, exp(x));
        return { a: add(x, 1), list: [add(x, 2)], map: new Map([["k", add(x, 3)]]), n: 5 };
      });
      expect(live() - before).toBe(3);
      expect(made.map((x) => x.isDisposed)).toEqual([true, true]);
      expect([...out.map.get("k")!.dataSync()]).toEqual([4, 5]);
      dispose(out);
    }));

  it("nests: what an inner scope returns belongs to the outer one", () =>
    withoutLeaks(() => {
      let inner: Tensor | null = null;
      scope((): void => {
        inner = scope(() => tensor([1]));
        expect(inner.isDisposed).toBe(false);
      });
      expect(inner!.isDisposed).toBe(true);
    }));

  it("leaves alone what it did not make, and what is kept", () =>
    withoutLeaks(() => {
      const outside = tensor([1]);
      const kept = scope(() => {
        const x = keep(tensor([2]));
        return { outside, again: x }.again;
      });
      expect([outside.isDisposed, kept.isDisposed]).toEqual([false, false]);
      dispose([outside, kept]);
    }));

  it("frees everything when it throws", () =>
    withoutLeaks(() => {
      expect(() =>
        scope(() => {
          tensor([1]);
          throw new Error("oh");
        }),
      ).toThrow("oh");
    }));

  it("refuses an async function, and frees what it made before its first await", () =>
    withoutLeaks(() => {
      const asynchronous = (() => Promise.resolve(tensor([1]))) as unknown as () => number;
      expect(() => scope(asynchronous)).toThrow(
        "scope: expected a synchronous function, got a promise; await outside and scope the parts between",
      );
      expect(() => scope(asynchronous)).toThrow(TesseraError);
      // @ts-expect-error an async function is refused by type
      expect(() => scope(async () => Promise.resolve(1))).toThrow(TesseraError);
    }));
});

describe("a tensor's life", () => {
  it("ends with dispose, twice is allowed, and using it names the op that made it", () =>
    withoutLeaks(() => {
      const x = scope(() => exp(zeros([2, 3])));
      scope((): void => {
        x.dispose();
        x.dispose();
        expect(() => add(x, 1)).toThrow(
          "tensor: the [2, 3] tensor made by exp was freed; return it from its scope, or keep() it",
        );
        expect(() => x.dataSync()).toThrow(LifetimeError);
        expect(String(x)).toBe("tensor(freed, shape=[2, 3], dtype=float32)");
      });
    }));

  it("of a view keeps the storage alive", () =>
    withoutLeaks(() => {
      const before = memory()["cpu"]?.storages ?? 0;
      const x = arange(6);
      const view = slice(x, 0, { start: 2, step: 2 });
      expect(memory()["cpu"]!.storages - before).toBe(1);
      x.dispose();
      expect([...view.dataSync()]).toEqual([2, 4]);
      view.dispose();
    }));

  it("is counted in bytes and a peak", () =>
    withoutLeaks(() => {
      resetPeakMemory();
      const { bytes } = memory()["cpu"] ?? { bytes: 0 };
      scope((): void => {
        zeros([256, 4]);
        scope((): void => void zeros([512, 4]));
        expect(memory()["cpu"]!.bytes - bytes).toBe(4096);
      });
      expect(memory()["cpu"]!.peakBytes - bytes).toBe(4096 + 8192);
      expect(memory()["cpu"]!.bytes).toBe(bytes);
    }));

  it("read with data() is a snapshot: what happens afterwards does not show", () =>
    withoutLeaks(async () => {
      for (const device of [cpu, reference]) {
        const x = tensor([1, 2, 3], undefined, { device });
        const promise = x.data();
        device.write(x.storage.buffer, Float32Array.of(9, 9, 9));
        x.dispose();
        const reuse = full([3], 7, { device });
        expect([...(await promise)]).toEqual([1, 2, 3]);
        reuse.dispose();
      }
    }));
});

describe("out of memory", () => {
  it("is a typed error with the sizes, and what existed still exists", () =>
    withoutLeaks(() => {
      const x = tensor([1, 2, 3]);
      const before = memory();
      expect(() => zeros([2 ** 31])).toThrow(OutOfMemoryError);
      expect(() => zeros([2 ** 31])).toThrow(
        /cpu: no room for 8589934592 bytes, \d+ of 4294967296 are in use; free tensors/,
      );
      expect(memory()).toEqual(before);
      expect([...x.dataSync()]).toEqual([1, 2, 3]);
      x.dispose();
    }));
});

describe("devices", () => {
  it("do not mix", () =>
    withoutLeaks(() => {
      scope((): void => {
        const [a, b] = [tensor([1]), tensor([1], undefined, { device: "reference" })];
        expect(() => add(a, b)).toThrow(
          'add: tensors on one device expected, got cpu and reference; move one with await x.to("cpu")',
        );
        expect(() => tensor([1], undefined, { device: "tpu" })).toThrow(
          /^device: "tpu" is not open, these are: cpu, reference(, webgpu)?; open it first with await openDevice\("tpu"\)$/,
        );
        expect(() => add(a, b)).toThrow(DeviceError);
      });
    }));

  it("are left and entered by to()", () =>
    withoutLeaks(async () => {
      const x = tensor([
        [1, 2],
        [3, 4],
      ]);
      const view = permute(x, [1, 0]);
      const there = await view.to("reference");
      expect([there.device.name, [...there.dataSync()]]).toEqual(["reference", [1, 3, 2, 4]]);
      expect(await there.to(reference)).toBe(there);
      dispose([x, view, there]);
    }));
});

describe("Parameter", () => {
  it("takes a tensor over, lives outside scopes, and changes contents but not shape", () =>
    withoutLeaks(async () => {
      const p = scope(() => {
        const value = tensor([1, 2]);
        const parameter = new Parameter(value);
        expect(value.isDisposed).toBe(true);
        return { hidden: () => parameter };
      }).hidden();
      expect([...p.dataSync()]).toEqual([1, 2]);
      const id = p.id;
      p.assign(tensor([3, 4]));
      expect([...p.dataSync(), p.id]).toEqual([3, 4, id]);
      const wrong = tensor([1, 2, 3]);
      expect(() => p.assign(wrong)).toThrow(
        "parameter: expected float32 [2], got float32 [3]; a parameter keeps its shape",
      );
      wrong.dispose();
      await p.to("reference");
      expect([p.device.name, ...p.dataSync()]).toEqual(["reference", 3, 4]);
      p.dispose();
    }));

  it("of a view has storage of its own", () =>
    withoutLeaks(() => {
      const x = tensor([
        [1, 2],
        [3, 4],
      ]);
      const p = new Parameter(permute(x, [1, 0]));
      expect([p.isContiguous(), ...p.dataSync()]).toEqual([true, 1, 3, 2, 4]);
      expect(p.storage).not.toBe(x.storage);
      dispose([p, x]);
    }));
});
