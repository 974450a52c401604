import {
  DeviceError,
  devices,
  openDevice,
  resolveDevice,
  scope,
  sum,
  tensor,
  type WebgpuBackend,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { deviceBehind, onWebgpu, openAgain, ownDevice } from "./on-webgpu.ts";

describe("devices", () => {
  it("cpu and reference are always there, and openDevice gives them", async () => {
    expect((await devices()).slice(0, 2)).toEqual([
      { name: "cpu", available: true },
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
    for (const feature of ["subgroups", "shader-f16", "timestamp-query"])
      expect(gpu.limits[feature]).toBe(features.includes(feature) ? 1 : 0);
  });

  it("is opened once, with all that the adapter has", async () => {
    expect(await openDevice("webgpu")).toBe(gpu);
    expect(resolveDevice("webgpu")).toBe(gpu);
    const { limits } = deviceBehind(gpu);
    expect(gpu.limits["maxStorageBufferBindingSize"]).toBe(limits.maxStorageBufferBindingSize);
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
      expect(backend.limits["maxStorageBufferBindingSize"]).toBe(own.limits.maxStorageBufferBindingSize);
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
