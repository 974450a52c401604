import { cpu, DeviceError, openDevice, reference, type Backend, type WebgpuBackend } from "@tessera/tensor";
import { inject, it } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** Whether it is a failure that there is no WebGPU adapter. */
    readonly gpuRequired: boolean;
    /** How many of the ops' samples run on it: a quarter, or none, where the others run elsewhere in the same environment. */
    readonly gpuSamples: "all" | "some" | "none";
  }
}

/**
 * No kernel relies on workgroup memory being zero at first, and SwiftShader spends a second for each shader on code that zeroes it. In
 * browsers, where this has no effect, the same shaders are tested with it.
 */
export const dawn = ["enable-dawn-features=allow_unsafe_apis,disable_workgroup_init"];

/** The WebGPU device of this machine, or why there is none; `null` where it is not asked for. */
const openGpu = async (): Promise<WebgpuBackend | string | null> => {
  if (inject("gpuSamples") === "none") return null;
  try {
    return (await openDevice("webgpu", { dawn })) as WebgpuBackend;
  } catch (error) {
    if (!(error instanceof DeviceError) || inject("gpuRequired")) throw error;
    return `${error.message}. For the tests a software one is enough: apt-get install chromium libvulkan1 (Debian) brings one that they find`;
  }
};
const found = await openGpu();

/** The WebGPU device of this machine, if there is one. */
export const gpu: WebgpuBackend | null = typeof found === "string" ? null : found;

/** The oracle, and the devices that must agree with it. */
export const oracle: Backend = reference;
export const devices: readonly Backend[] = gpu ? [cpu, gpu] : [cpu];

/** In place of tests that need the GPU, where there is none: one that is skipped and says why. */
export const skippedWithoutGpu = (name: string): void => {
  if (typeof found !== "string") return;
  it(name, ({ skip }) => skip(found));
};
