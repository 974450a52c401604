import type * as webgpu from "webgpu";
import { DEFAULT_LIMITS, DEVICE_FEATURES, type DeviceLimits, type DeviceProfile } from "../../device-profile.ts";
import { DeviceError } from "../../error.ts";
import { WebgpuBackend } from "./webgpu-backend.ts";

/** What an adapter says of itself. */
export interface AdapterDescription {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** Whether it only imitates a GPU on the CPU. */
  readonly software: boolean;
  readonly features: readonly string[];
}

/** A `GPUDevice` that the caller made and owns. */
export interface GpuDeviceLike {
  readonly limits: object;
  readonly features: { has(name: string): boolean };
  readonly queue: object;
  readonly lost: Promise<unknown>;
  createComputePipeline(descriptor: never): unknown;
}

/** How Node's package is started. */
export interface WebgpuOptions {
  /**
   * Toggles of Dawn that Node's `webgpu` package is created with, such as `["enable-dawn-features=allow_unsafe_apis"]`. A process has one
   * set of them: the first call decides. Not in browsers.
   */
  readonly dawn?: readonly string[];
  /** Which adapter to ask for where there are several. */
  readonly powerPreference?: "low-power" | "high-performance";
}

const LIMITS = Object.keys(DEFAULT_LIMITS) as (keyof DeviceLimits)[];

/** Held for the life of the process: when Node's GPU object is collected while a device lives, the process aborts. */
let held: GPU | null = null;
/** What it was created with; `null` where it is the browser's. */
let heldToggles: readonly string[] | null = null;

/** @throws DeviceError when other toggles are asked for than the process has. */
export const checkToggles = ({ dawn }: WebgpuOptions): void => {
  if (!dawn || !heldToggles || dawn.join(" ") === heldToggles.join(" ")) return;
  const show = (toggles: readonly string[]): string => `[${toggles.join(", ")}]`;
  throw new DeviceError(
    `webgpu: expected the toggles of Dawn that this process started with, ${show(heldToggles)}, got ${show(dawn)}; name them at the first call, or use another process`,
  );
};

/** The platform's GPU object. @throws DeviceError with the reason and what to do. */
const gpuOf = async (options: WebgpuOptions): Promise<GPU> => {
  checkToggles(options);
  if (held) return held;
  const inBrowser = (globalThis.navigator as Navigator | undefined)?.gpu;
  if (inBrowser) return (held = inBrowser);
  if (typeof process === "undefined" || !process.versions?.node)
    throw new DeviceError(
      "webgpu: this browser has no navigator.gpu; use a current Chrome, Edge, Firefox or Safari, over https or on localhost",
    );
  let module: typeof webgpu;
  try {
    // A variable, so that bundlers for browsers do not look for it.
    const name = "webgpu";
    module = (await import(/* @vite-ignore */ name)) as typeof webgpu;
  } catch (error) {
    throw new DeviceError(
      `webgpu: Node needs the package "webgpu", which could not be loaded (${(error as Error).message.split("\n")[0]}); npm install webgpu@0.6.2, on Linux with glibc 2.34 or later`,
    );
  }
  // Only those that are missing: GPUBufferUsage and the like. navigator stays as it is.
  for (const [name, value] of Object.entries(module.globals))
    if (!(name in globalThis)) Object.assign(globalThis, { [name]: value as unknown });
  // Somebody else may have been first meanwhile.
  checkToggles(options);
  if (held) return held;
  heldToggles = [...(options.dawn ?? [])];
  return (held = module.create([...heldToggles]));
};

const noAdapter = (): DeviceError => {
  const node = typeof process !== "undefined" && process.versions?.node;
  const fix = !node
    ? "turn on hardware acceleration in the browser, and see chrome://gpu or about:support"
    : process.platform === "linux"
      ? "install a Vulkan driver and its loader (libvulkan1; for a GPU its vendor's driver, without one mesa-vulkan-drivers), or point VK_ICD_FILENAMES to one"
      : process.platform === "darwin"
        ? "Metal is needed: macOS 13 or later on a machine with a GPU"
        : "install the GPU vendor's current driver (Direct3D 12)";
  return new DeviceError(`webgpu: no adapter was found; ${fix}. The devices cpu and reference need none`);
};

const request = async (options: WebgpuOptions): Promise<GPUAdapter | null> => {
  const gpu = await gpuOf(options);
  return gpu.requestAdapter({ powerPreference: options.powerPreference ?? "high-performance" });
};

const describe = (info: GPUAdapterInfo, available: GPUSupportedFeatures): AdapterDescription => {
  const { vendor, architecture, description } = info;
  const text = `${vendor} ${architecture} ${description}`.toLowerCase();
  const fallback = (info as { isFallbackAdapter?: boolean }).isFallbackAdapter ?? false;
  const software = fallback || /swiftshader|llvmpipe|lavapipe|basic render/.test(text);
  const features = DEVICE_FEATURES.filter((feature) => available.has(feature));
  return { vendor, architecture, description, software, features };
};

/** The adapter that `openDevice("webgpu")` would take, or the reason why there is none. */
export const findAdapter = async (options: WebgpuOptions = {}): Promise<AdapterDescription | DeviceError> => {
  try {
    const adapter = await request(options);
    return adapter ? describe(adapter.info, adapter.features) : noAdapter();
  } catch (error) {
    if (error instanceof DeviceError) return error;
    throw error;
  }
};

const profileOf = (
  device: GPUDevice,
  { vendor = "", software = false }: Partial<AdapterDescription>,
): DeviceProfile => ({
  limits: Object.fromEntries(LIMITS.map((name) => [name, device.limits[name]])) as unknown as DeviceLimits,
  vendor,
  software,
  features: Object.fromEntries(
    DEVICE_FEATURES.map((name) => [name, device.features.has(name)]),
  ) as unknown as DeviceProfile["features"],
});

/** A backend on the platform's best adapter. @throws DeviceError with the reason when there is none. */
export const openWebgpu = async (options: WebgpuOptions = {}): Promise<WebgpuBackend> => {
  const adapter = await request(options);
  if (!adapter) throw noAdapter();
  const description = describe(adapter.info, adapter.features);
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({
      requiredFeatures: [...description.features] as GPUFeatureName[],
      requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
    });
  } catch (error) {
    throw new DeviceError(
      `webgpu: the adapter ${[description.vendor, description.description].filter(Boolean).join(" ")} gave no device (${(error as Error).message.split("\n")[0]}); close what else uses the GPU, and try again. The devices cpu and reference need none`,
      { cause: error },
    );
  }
  return new WebgpuBackend(device, profileOf(device, description), true);
};

/** A backend on a device that the caller made, with the limits it was made with. Closing it leaves the device alone. */
export const adoptWebgpu = (device: GpuDeviceLike): WebgpuBackend => {
  const gpu = device as unknown as GPUDevice;
  const { adapterInfo } = gpu as { adapterInfo?: GPUAdapterInfo };
  return new WebgpuBackend(gpu, profileOf(gpu, adapterInfo ? describe(adapterInfo, gpu.features) : {}), false);
};
