import {
  add,
  cpu,
  DeviceError,
  devices,
  memory,
  mul,
  openDevice,
  scope,
  sum,
  tensor,
  type WebgpuBackend,
} from "@tessera/tensor";
import { DEVICE_FEATURES, resolveDevice } from "@tessera/tensor/extend";
import { describe, expect, it } from "vitest";
import { dawn } from "../support/devices.ts";
import { deviceBehind, onWebgpu, openAgain, ownDevice } from "./on-webgpu.ts";

describe("devices", () => {
  it("cpu and reference are always there, and openDevice gives them", async () => {
    expect((await devices()).slice(0, 2)).toEqual([
      { name: "cpu", available: true, kernels: cpu.kernelBuild },
      { name: "reference", available: true },
    ]);
    for (const name of ["cpu", "reference"] as const) expect(await openDevice(name)).toBe(resolveDevice(name));
  });

  it("a name that is no device is refused with those that are open", async () => {
    await expect(openDevice("cuda" as "cpu")).rejects.toThrow(/^device: "cuda" is not open, these are: cpu, reference/);
  });
});

onWebgpu("the webgpu device", (gpu) => {
  it("is described with its adapter", async () => {
    const found = (await devices())[2]!;
    expect(found).toMatchObject({ name: "webgpu", available: true });
    const { vendor, architecture, description, software, features } = found.adapter!;
    expect(`${vendor}${architecture}${description}`).not.toBe("");
    if (/swiftshader|llvmpipe|lavapipe/i.test(`${architecture} ${description}`)) expect(software).toBe(true);
    expect(gpu.profile).toMatchObject({ vendor, software });
    for (const feature of DEVICE_FEATURES) expect(gpu.profile.features[feature]).toBe(features.includes(feature));
  });

  it("is opened once, with all that the adapter has", async () => {
    expect(await openDevice("webgpu")).toBe(gpu);
    expect(resolveDevice("webgpu")).toBe(gpu);
    const { limits } = deviceBehind(gpu);
    expect(gpu.profile.limits.maxStorageBufferBindingSize).toBe(limits.maxStorageBufferBindingSize);
    // WebGPU grants 128 MiB without asking; whoever asks gets what there is.
    expect(limits.maxStorageBufferBindingSize).toBeGreaterThanOrEqual(2 ** 27);
    expect(limits.maxBufferSize).toBeGreaterThanOrEqual(limits.maxStorageBufferBindingSize);
  });

  it('"auto" is a hardware GPU or the cpu, never a software adapter', async () => {
    const { software } = (await devices())[2]!.adapter!;
    expect((await openDevice("auto")).name).toBe(software ? "cpu" : "webgpu");
  });

  it("may be somebody else's, who keeps it when we close", async () => {
    const own = await ownDevice();
    try {
      const backend = (await openDevice(own)) as WebgpuBackend;
      expect(resolveDevice("webgpu")).toBe(backend);
      // The limits are those it was made with: by default, not the adapter's.
      expect(backend.profile.limits.maxStorageBufferBindingSize).toBe(own.limits.maxStorageBufferBindingSize);
      const read = scope(() => ({ total: sum(tensor([1, 2, 3.5], [3], { device: backend })).item() }));
      expect(await read.total).toBe(6.5);
      backend.close();
      expect(backend.isLost).toBe(true);
      expect(() => tensor([1], [1], { device: backend })).toThrow(DeviceError);
      // It still works.
      const buffer = own.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
      own.queue.writeBuffer(buffer, 0, new Float32Array([4, 3, 2, 1]));
      await buffer.mapAsync(GPUMapMode.READ);
      expect([...new Float32Array(buffer.getMappedRange())]).toEqual([4, 3, 2, 1]);
      buffer.destroy();
      // What was closed is not given out again.
      expect(await openDevice("webgpu")).not.toBe(backend);
    } finally {
      own.destroy();
    }
  });

  it("is left as it was found when we close: none of our buffers, none of our error scopes", async () => {
    const own = await ownDevice();
    try {
      const made = new Set<GPUBuffer>();
      const create = own.createBuffer.bind(own);
      own.createBuffer = (descriptor) => {
        const buffer = create(descriptor);
        made.add(buffer);
        const destroy = buffer.destroy.bind(buffer);
        buffer.destroy = () => {
          made.delete(buffer);
          return destroy();
        };
        return buffer;
      };
      const backend = (await openDevice(own)) as WebgpuBackend;
      const x = tensor([1, 2, 3.5], [3], { device: backend });
      expect(await scope(() => ({ total: sum(x).item() })).total).toBe(6.5);
      // One read is on its way, and one launch not yet submitted.
      const last = x.data();
      scope((): void => void sum(x));
      expect(made.size).toBeGreaterThan(4);
      backend.close();
      await expect(last).rejects.toThrow(/webgpu cannot be used, it was closed/);
      expect([...made].map(({ label }) => label)).toEqual([]);
      await expect(own.popErrorScope()).rejects.toThrow();
      expect(backend.deviceBytes.live).toBe(0);
      x.dispose();
    } finally {
      own.destroy();
    }
  });

  it("binds buffers once for equal steps, whatever order they give them back in", async () => {
    const own = await ownDevice();
    try {
      let groups = 0;
      const create = own.createBindGroup.bind(own);
      own.createBindGroup = (descriptor) => {
        groups++;
        return create(descriptor);
      };
      const backend = (await openDevice(own)) as WebgpuBackend;
      const x = tensor([1, 2, 3.5, -1], [4], { device: backend });
      // Buffers of one size, which a stack would hand out in another order at each step.
      const step = () =>
        scope((): void => {
          const [a, b, c] = [mul(x, 2), mul(x, 3), mul(x, 4)];
          b.dispose();
          a.dispose();
          c.dispose();
          mul(add(x, x), x).dispose();
        });
      step();
      groups = 0;
      for (let i = 0; i < 20; i++) step();
      expect(groups).toBe(0);
      x.dispose();
      await backend.sync();
      backend.close();
    } finally {
      own.destroy();
    }
  });

  it("is not opened with other toggles of Dawn than the process has: they would be ignored", async () => {
    if (typeof document !== "undefined") return;
    const other = { dawn: ["enable-dawn-features=dump_shaders"] };
    const message =
      /^webgpu: expected the toggles of Dawn that this process started with, \[.*\], got \[enable-dawn-features=dump_shaders\]; name them at the first call, or use another process$/;
    for (const name of ["webgpu", "auto"] as const) await expect(openDevice(name, other)).rejects.toThrow(message);
    expect((await devices(other))[2]!.available).toMatch(message);
    expect((await openDevice("webgpu", { dawn })).name).toBe("webgpu");
  });

  it("counts memory of lost and reopened devices together, until what was lost is freed", async () => {
    const first = await openAgain();
    const bytes = (): number => memory()["webgpu"]?.bytes ?? 0;
    const before = bytes();
    const x = tensor([1, 2, 3], [3], { device: first });
    first.close();
    const second = await openAgain();
    const y = tensor([4], [1], { device: second });
    expect(bytes()).toBe(before + 16);
    y.dispose();
    expect(bytes()).toBe(before + 12);
    x.dispose();
    expect(bytes()).toBe(before);
    second.close();
    // Nothing of it is left on any open one.
    if (before === 0) expect(memory()).not.toHaveProperty("webgpu");
  });

  it("is opened anew after it was closed, and what was closed says so", async () => {
    const first = await openAgain();
    first.close();
    expect(() => tensor([1], [1], { device: first })).toThrow(
      'alloc: webgpu cannot be used, it was closed; open it again with await openDevice("webgpu")',
    );
    await expect(first.sync()).rejects.toThrow(DeviceError);
    const second = await openAgain();
    expect(second).not.toBe(first);
    const read = scope(() => ({ total: sum(tensor([1, 2], [2], { device: second })).item() }));
    expect(await read.total).toBe(3);
  });
});
