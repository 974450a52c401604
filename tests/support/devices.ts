import { cpu, DeviceError, openDevice, reference, type Backend } from "@tessera/tensor";

/** The WebGPU device of this machine, or why there is none. */
const openGpu = async (): Promise<Backend | string> => {
  try {
    return await openDevice("webgpu");
  } catch (error) {
    if (error instanceof DeviceError) return error.message;
    throw error;
  }
};
const gpu = await openGpu();

/** The oracle, and the devices that must agree with it. */
export const oracle: Backend = reference;
export const devices: readonly Backend[] = typeof gpu === "string" ? [cpu] : [cpu, gpu];
