import { AdamW } from "@tessera/nn";
import {
  add,
  DeviceError,
  full,
  matmul,
  memory,
  mul,
  ones,
  Parameter,
  scope,
  slice,
  square,
  sum,
  tensor,
  zeros,
  type Tensor,
} from "@tessera/tensor";
import { valueAndGrad } from "@tessera/autograd";
import { expect, it } from "vitest";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onWebgpu } from "./on-webgpu.ts";

onWebgpu("reading and writing on webgpu", (gpu) => {
  it("is never synchronous: dataSync and itemSync say to await", () =>
    withoutLeaks(() => {
      const x = tensor([5]);
      expect(() => x.dataSync()).toThrow(
        new DeviceError("dataSync: webgpu cannot be read synchronously; use await x.data()"),
      );
      expect(() => x.itemSync()).toThrow(DeviceError);
      x.dispose();
    }));

  it("gives what a tensor is at the call, though it is freed and its memory taken before the promise resolves", () =>
    withoutLeaks(async () => {
      const x = tensor([1, 2, 3]);
      const first = x.data();
      x.dispose();
      // Equal in size: they get the buffer that was given back.
      const others = [7, 8, 9].map((value) => full([3], value));
      const sums = scope(() => ({ read: add(others[0]!, others[1]!).data() }));
      expect([...(await first)]).toEqual([1, 2, 3]);
      expect([...(await sums.read)]).toEqual([15, 15, 15]);
      for (const other of others) other.dispose();
    }));

  it("gives what a tensor is at the call, though a later op overwrites it", () =>
    withoutLeaks(async () => {
      const p = new Parameter(tensor([1, -2]));
      const optimizer = new AdamW(new Map([["p", p]]), { lr: 0.5, weightDecay: 0 });
      const before = p.data();
      const step = scope(() => {
        const { grads } = valueAndGrad({ namedParameters: () => new Map([["p", p]]) }, () => sum(square(p)))();
        optimizer.step(grads);
        return { after: p.data() };
      });
      p.assign(tensor([9, 9]));
      expect([...(await before)]).toEqual([1, -2]);
      const after = await step.after;
      expect(after[0]).toBeCloseTo(0.5, 5);
      expect(after[1]).toBeCloseTo(-1.5, 5);
      expect([...(await p.data())]).toEqual([9, 9]);
      optimizer.dispose();
      p.dispose();
    }));

  it("reads views, empty tensors, bools and integers", () =>
    withoutLeaks(async () => {
      const x = tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]);
      const read = scope(() => ({
        columns: x.transpose(0, 1).data(),
        part: slice(x, 1, { start: 0, step: 2 }).data(),
        none: zeros([0, 4]).data(),
        flags: tensor([true, false, true]).data(),
        whole: tensor(new Int32Array([-(2 ** 31), 2 ** 31 - 1])).data(),
      }));
      expect([...(await read.columns)]).toEqual([1, 4, 2, 5, 3, 6]);
      expect([...(await read.part)]).toEqual([1, 3, 4, 6]);
      expect((await read.none).length).toBe(0);
      expect(await read.flags).toEqual(new Uint8Array([1, 0, 1]));
      expect(await read.whole).toEqual(new Int32Array([-(2 ** 31), 2 ** 31 - 1]));
      x.dispose();
    }));

  it("reads in pieces what is too large for one buffer of the host", () =>
    withoutLeaks(async () => {
      const staging = Reflect.get(gpu, "staging") as { maxBytes: number };
      const { maxBytes } = staging;
      const data = Float32Array.from({ length: 5000 }, (_, i) => i - 7);
      const [x, flags] = [tensor(data, [5000]), tensor(Array.from(data, (v) => v % 3 === 0))];
      // Not a whole number of pieces, and less room in the first, which has the faults.
      staging.maxBytes = 2 ** 14;
      const read = Promise.all(
        scope(() => ({ all: [x, flags, slice(x, 0, { start: 4990 })].map((one) => one.data()) })).all,
      );
      staging.maxBytes = maxBytes;
      const [all, bools, end] = await read;
      expect(all).toEqual(data);
      expect(bools).toEqual(Uint8Array.from(data, (v) => Number(v % 3 === 0)));
      expect(end).toEqual(data.slice(4990));
      x.dispose();
      flags.dispose();
    }));

  it("write and free never overtake work that was launched before them", () =>
    withoutLeaks(async () => {
      const reads: Promise<number>[] = [];
      scope((): void => {
        for (let i = 0; i < 40; i++)
          scope((): void => {
            // Each round's upload takes the buffer that the last round's product still reads.
            const x = tensor(new Float32Array(256).fill(i), [16, 16]);
            const y = matmul(x, ones([16, 16]));
            reads.push(sum(y).item());
          });
      });
      const sums = await Promise.all(reads);
      expect(sums).toEqual(Array.from({ length: 40 }, (_, i) => i * 16 * 256));
    }));

  it("takes what many launches make in the order of the program", () =>
    withoutLeaks(async () => {
      // More than a batch of commands holds.
      const read = scope(() => {
        let x: Tensor = tensor([1, 1, 1]);
        for (let i = 0; i < 500; i++) x = add(mul(x, 0.5), 1);
        return { x: x.data() };
      });
      for (const value of await read.x) expect(value).toBeCloseTo(2, 6);
    }));

  it("reuses buffers: 200 equal steps take no more memory than the first few", () =>
    withoutLeaks(async () => {
      const w = new Parameter(normal(24, 24).make(1, gpu));
      const optimizer = new AdamW(new Map([["w", w]]), { lr: 0.01 });
      const owner = { namedParameters: () => new Map([["w", w]]) };
      const lossAndGrads = valueAndGrad(owner, (x: Tensor) => sum(square(matmul(x, w))));
      const x = normal(8, 24).make(2, gpu);
      const live: number[] = [];
      const tensors: number[] = [];
      for (let step = 0; step < 200; step++) {
        const { loss } = scope(() => {
          const { value, grads } = lossAndGrads(x);
          optimizer.step(grads);
          return { loss: value.item() };
        });
        if (step % 10 === 9) await loss;
        live.push(gpu.deviceBytes.live);
        tensors.push(memory()["webgpu"]!.tensors);
      }
      expect(live[0]).toBeGreaterThan(3 * 24 * 24 * 4);
      expect(new Set(live.slice(10))).toEqual(new Set([live[10]]));
      expect(new Set(tensors.slice(10)).size).toBe(1);
      expect(gpu.deviceBytes.peak).toBe(live.at(-1));
      for (const owned of [optimizer, w, x]) owned.dispose();
    }));

  it("gives pooled memory back when asked, and works on", () =>
    withoutLeaks(async () => {
      const x = ones([1000]);
      scope((): void => void mul(x, 2));
      const before = gpu.deviceBytes.live;
      expect(gpu.trim()).toBeGreaterThan(0);
      expect(gpu.deviceBytes.live).toBeLessThan(before);
      expect(gpu.deviceBytes.live).toBeGreaterThanOrEqual(4000);
      const read = scope(() => ({ total: sum(mul(x, 3)).item() }));
      expect(await read.total).toBe(3000);
      x.dispose();
    }));
});
