import {
  add,
  DeviceError,
  embedding,
  exp,
  gather,
  IndexError,
  indexSelect,
  matmul,
  memory,
  mul,
  ones,
  OutOfMemoryError,
  scope,
  sum,
  tensor,
  zeros,
  type Tensor,
  type WebgpuBackend,
} from "@tessera/tensor";
import { defineOp, run, shaders, type Op, type Signature } from "@tessera/tensor/extend";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { deviceBehind, onWebgpu, openAgain } from "./on-webgpu.ts";

/** An op of somebody's own, whose WGSL says what it likes. */
const opWith = (name: string, body: string) => {
  const shader = shaders(() => ({
    label: name,
    wgsl: /* wgsl */ `
@group(0) @binding(1) var<storage, read> xs: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3<u32>) {
  if (at.x < arrayLength(&out)) { ${body} }
}`,
  }))();
  const op = defineOp<{ inputs: [x: Tensor]; outputs: [y: Tensor] }>({
    name,
    infer: ([{ shape, dtype }]) => [{ shape, dtype }],
    kernels: {
      reference: ([x], [y]) => y.values.set(x.values),
      cpu: "reference",
      webgpu: { plan: () => ({ steps: [{ shader, bind: [{ in: 0 }, { out: 0 }], workgroups: 1 }] }) },
    },
  });
  return (x: Tensor): Tensor => run(op, [x])[0];
};
const doubled = opWith("doubled", "out[at.x] = 2.0 * xs[at.x];");
const misspelt = opWith("misspelt", "out[at.x] = twice(xs[at.x]);");
const mistyped = opWith("mistyped", "out[at.x] = i32(xs[at.x]);");

/** What computing something on a device throws, at the call or at the next await. */
const failure = async (device: WebgpuBackend, work: () => unknown): Promise<Error> => {
  try {
    scope((): void => void work());
    await device.sync();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
};
const works = async (device: WebgpuBackend): Promise<void> => {
  const read = scope(() => ({ x: doubled(exp(zeros([3], { device }))).data() }));
  expect([...(await read.x)]).toEqual([2, 2, 2]);
};

onWebgpu("faults on webgpu", (gpu) => {
  it("a kernel that does not compile is an error that names its op at the next await, every time, and harms nothing", () =>
    withoutLeaks(async () => {
      const kept = ones([4]);
      for (const broken of [misspelt, mistyped, misspelt]) {
        const name = broken === misspelt ? "misspelt" : "mistyped";
        // Among others of the same batch.
        const error = await failure(gpu, () => add(broken(mul(kept, 2)), exp(kept)));
        expect(error).toBeInstanceOf(DeviceError);
        expect(error.message).toMatch(
          new RegExp(`^${name}: the device refused the work; please report it with this text: `),
        );
      }
      expect([...(await kept.data())]).toEqual([1, 1, 1, 1]);
      await works(gpu);
      kept.dispose();
    }));

  it("an op of JavaScript that names no webgpu kernel is refused like one that has none", () =>
    withoutLeaks(() => {
      const kernels = { reference: () => {}, cpu: "reference" } as unknown as Op<Signature>["kernels"];
      const op: Op<Signature> = { name: "elsewhere", infer: () => [{ shape: [1], dtype: "float32" }], kernels };
      expect(() => scope((): void => void run(op, [ones([1])]))).toThrow(
        new DeviceError(
          'elsewhere: expected an op with a webgpu kernel, got one without; move its inputs with await x.to("cpu")',
        ),
      );
    }));

  it("reading finds it too, and the failure is told once", () =>
    withoutLeaks(async () => {
      const read = scope(() => ({ x: misspelt(ones([4])).data() }));
      await expect(read.x).rejects.toThrow(/^misspelt: /);
      await gpu.sync();
      await works(gpu);
    }));

  it("a wrong index is an IndexError with the cpu's text at the next await", () =>
    withoutLeaks(async () => {
      for (const wrong of [
        (device: string) => embedding(tensor([0, 5], [2], { dtype: "int32", device }), ones([5, 2], { device })),
        (device: string) => indexSelect(ones([3, 2], { device }), 0, tensor([1, -4], [2], { dtype: "int32", device })),
        (device: string) => gather(ones([2, 2], { device }), 1, tensor([0, 2], [1, 2], { dtype: "int32", device })),
      ]) {
        let want: unknown;
        try {
          scope((): void => void wrong("cpu"));
        } catch (error) {
          want = error;
        }
        expect(want).toBeInstanceOf(IndexError);
        const got = await failure(gpu, () => wrong("webgpu"));
        expect(got).toBeInstanceOf(IndexError);
        expect(got.message).toBe((want as Error).message);
        await gpu.sync();
      }
      await works(gpu);
    }));

  it("a tensor that is larger than a binding is refused, and what exists stays", () =>
    withoutLeaks(async () => {
      const kept = tensor([1, 2, 3]);
      const before = [memory()["webgpu"]!.bytes, gpu.deviceBytes.live];
      const max = gpu.profile.limits.maxStorageBufferBindingSize;
      expect(() => zeros([max / 4 + 1])).toThrow(
        new OutOfMemoryError(
          `webgpu: one tensor may have ${max} bytes on this device, got ${max + 4}; split it, or use smaller batches`,
        ),
      );
      // Also one that an op would make of small ones.
      const [column, row] = [ones([2 ** 15, 1]), ones([1, 2 ** 15 + 1])];
      if (max <= 2 ** 32) expect(() => scope((): void => void add(column, row))).toThrow(OutOfMemoryError);
      for (const one of [column, row]) one.dispose();
      expect(memory()["webgpu"]!.bytes).toBe(before[0]);
      expect([...(await kept.data())]).toEqual([1, 2, 3]);
      await works(gpu);
      kept.dispose();
    }));

  it("a lost device is an error that names the op at the next await, and a new one is opened", async () => {
    const device = await openAgain();
    const [x, w] = [ones([4, 4], { device }), ones([4, 4], { device })];
    expect(await scope(() => ({ y: sum(matmul(x, w)).item() })).y).toBe(64);
    deviceBehind(device).destroy();
    // Launched before anybody can know.
    const reads = scope(() => ({ first: matmul(x, w).data(), second: sum(x).item() }));
    for (const { reason } of (await Promise.allSettled([reads.first, reads.second])) as PromiseRejectedResult[]) {
      expect(reason).toBeInstanceOf(DeviceError);
      expect((reason as Error).message).toMatch(
        /^(matmul|sum): webgpu cannot be used, the device was lost \(destroyed.*\); open it again with await openDevice\("webgpu"\)$/,
      );
    }
    await expect(device.sync()).rejects.toThrow(DeviceError);
    expect(device.isLost).toBe(true);
    expect(() => scope((): void => void matmul(x, w))).toThrow(
      /^(alloc|matmul): webgpu cannot be used, the device was lost/,
    );
    for (const lost of [x, w]) lost.dispose();
    const next = await openAgain();
    expect(next).not.toBe(device);
    await works(next);
  });

  it("a loss in the middle of a read is an error, not a promise that never ends", async () => {
    const device = await openAgain();
    const x = ones([64, 64], { device });
    const reads = scope(() => ({ first: matmul(x, x).data(), second: device.sync() }));
    deviceBehind(device).destroy();
    for (const { reason } of (await Promise.allSettled([reads.first, reads.second])) as PromiseRejectedResult[]) {
      expect(reason).toBeInstanceOf(DeviceError);
      expect((reason as Error).message).toMatch(/^matmul: webgpu cannot be used, the device was lost/);
    }
    x.dispose();
  });
});
