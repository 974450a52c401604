import type { BuildChoice } from "./backends/cpu/choose-build.ts";
import { registerDevice, resolveDevice, openDevices, type Backend } from "./backend.ts";
import {
  adoptWebgpu,
  checkToggles,
  findAdapter,
  openWebgpu,
  type AdapterDescription,
  type GpuDeviceLike,
  type WebgpuOptions,
} from "./backends/webgpu/open-webgpu.ts";
import { WebgpuBackend } from "./backends/webgpu/webgpu-backend.ts";
import { DeviceError } from "./error.ts";

/** One device of this machine, open or not. */
export interface DeviceDescription {
  readonly name: string;
  /** Whether it can be used, or why not. */
  readonly available: true | string;
  /** Which build of the kernels `cpu` runs, and why. */
  readonly kernels?: BuildChoice;
  /** What the GPU says of itself. */
  readonly adapter?: AdapterDescription;
}

/** `cpu`, and how it computes. */
const describeCpu = (): DeviceDescription => {
  try {
    const kernels = openDevices().get("cpu")?.kernelBuild;
    return { name: "cpu", available: true, ...(kernels && { kernels }) };
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return { name: "cpu", available: error.message };
  }
};

/**
 * The devices of this machine. `cpu` and `reference` are always open; `webgpu` is opened with `openDevice`.
 *
 * @example
 * for (const { name, available, kernels } of await devices()) console.log(name, available, kernels?.build);
 */
export const devices = async (options: WebgpuOptions = {}): Promise<readonly DeviceDescription[]> => {
  const found = await findAdapter(options);
  const webgpu =
    found instanceof DeviceError
      ? { name: "webgpu", available: found.message }
      : { name: "webgpu", available: true as const, adapter: found };
  return [describeCpu(), { name: "reference", available: true }, webgpu];
};

const openGpu = (): WebgpuBackend | null => {
  const known = openDevices().get("webgpu");
  return known instanceof WebgpuBackend && !known.isLost ? known : null;
};

/**
 * Opens a device, or returns it when it is open already. `"auto"` is a hardware GPU where there is one that gives a device and `cpu`
 * elsewhere: never a software adapter. A `GPUDevice` stays its owner's; its limits are what tensors may use.
 *
 * @throws DeviceError with the reason and what to do when there is no such device.
 * @example
 * setDefaultDevice(await openDevice("auto"));
 */
export const openDevice = async (
  device: "webgpu" | "auto" | "cpu" | "reference" | GpuDeviceLike,
  options: WebgpuOptions = {},
): Promise<Backend> => {
  if (typeof device !== "string") return registerDevice(adoptWebgpu(device));
  if (device !== "webgpu" && device !== "auto") return resolveDevice(device);
  checkToggles(options);
  if (device === "webgpu") return openGpu() ?? registerDevice(await openWebgpu(options));
  const found = await findAdapter(options);
  if (found instanceof DeviceError || found.software) return resolveDevice("cpu");
  try {
    return openGpu() ?? registerDevice(await openWebgpu(options));
  } catch (error) {
    if (error instanceof DeviceError) return resolveDevice("cpu");
    throw error;
  }
};
