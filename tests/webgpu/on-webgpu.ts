import { openDevice, setDefaultDevice, type WebgpuBackend } from "@tessera/tensor";
import { afterAll, beforeAll, describe } from "vitest";
import { dawn, gpu, skippedWithoutGpu } from "../support/devices.ts";

/** Tests of what only this device has, with it as the default one; one skipped test where there is no adapter. */
export const onWebgpu = (name: string, tests: (gpu: WebgpuBackend) => void): void => {
  skippedWithoutGpu(name);
  const device = gpu;
  if (!device) return;
  describe(name, () => {
    beforeAll(() => setDefaultDevice(device));
    afterAll(() => setDefaultDevice("cpu"));
    tests(device);
  });
};

/** The platform's device behind a backend, for a test that takes it away. */
export const deviceBehind = (backend: WebgpuBackend): GPUDevice => Reflect.get(backend, "device") as GPUDevice;

/** A device that is nobody else's, with the limits that every device has. */
export const ownDevice = async (): Promise<GPUDevice> => {
  // In Node the package's object is held by the first device; asking through a second one is what a caller would do.
  const { create } = await import("webgpu");
  held ??= create([...dawn]);
  const adapter = await held.requestAdapter();
  return adapter!.requestDevice();
};
let held: GPU | null = null;

/** The WebGPU device again, after one was lost. */
export const openAgain = async (): Promise<WebgpuBackend> => (await openDevice("webgpu")) as WebgpuBackend;
