/** The optional features of WebGPU that kernels may use. */
export const DEVICE_FEATURES = ["subgroups", "shader-f16", "timestamp-query"] as const;

export type DeviceFeature = (typeof DEVICE_FEATURES)[number];

/** Limits of a device that plans depend on, by WebGPU's names. Sizes in bytes. */
export interface DeviceLimits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupSizeX: number;
  readonly maxComputeWorkgroupSizeY: number;
}

/** What a plan may depend on besides its call: facts of a device that do not change while it is open. */
export interface DeviceProfile {
  readonly limits: DeviceLimits;
  /** As WebGPU names it: `"nvidia"`, `"apple"`; empty where it is not told. */
  readonly vendor: string;
  /** Whether it only imitates a GPU on the CPU. */
  readonly software: boolean;
  readonly features: { readonly [F in DeviceFeature]: boolean };
}

/** What every WebGPU device offers at least. */
export const DEFAULT_LIMITS: DeviceLimits = {
  maxBufferSize: 2 ** 28,
  maxStorageBufferBindingSize: 2 ** 27,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupSizeY: 256,
};

/** A device with those limits and no feature, of no vendor; `cpu` plans with it, which depends on none of this. */
export const DEFAULT_PROFILE: DeviceProfile = {
  limits: DEFAULT_LIMITS,
  vendor: "",
  software: false,
  features: { subgroups: false, "shader-f16": false, "timestamp-query": false },
};
