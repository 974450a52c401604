// The extension is declared here alone: neither WebGPU nor its types have it yet.
import type * as webgpu from "webgpu";
import type { TensorCoreSizes } from "./tensor-core-shader.ts";

const FEATURE = "chromium-experimental-subgroup-matrix";
/** What Dawn needs to be told to offer it. */
const TOGGLES = ["enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia,use_vulkan_memory_model"];

/** Kept as long as the process: Dawn ends with its instance. */
let instance: GPU | null = null;

/**
 * A device with tensor cores, or why there is none. It has a Dawn of its own, whose toggles the others must not have; the globals
 * of WebGPU are there since the bench opened its own device.
 */
export const tensorCoreDevice = async (): Promise<GPUDevice | string> => {
  const name = "webgpu";
  const { create } = (await import(name)) as typeof webgpu;
  instance ??= create([...TOGGLES]);
  const adapter = await instance.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) return "no adapter was found";
  const wanted = [FEATURE, "shader-f16", "subgroups"] as GPUFeatureName[];
  const missing = wanted.filter((feature) => !adapter.features.has(feature));
  if (missing.length > 0) return `the adapter has no ${missing.join(", ")}`;
  const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize } = adapter.limits;
  return adapter.requestDevice({
    requiredFeatures: wanted,
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize },
  });
};

/** The nearest float16 of each float32, as bits; ties to even. */
export const toHalves = (data: Float32Array): Uint16Array => {
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  return Uint16Array.from(bits, (word, i) => {
    const sign = (word >>> 16) & 0x8000;
    const exponent = ((word >>> 23) & 0xff) - 112;
    if (exponent >= 31) return sign | ((word & 0x7fffffff) > 0x7f800000 ? 0x7e00 : 0x7c00);
    if (exponent <= 0) {
      // Not normal: 2⁻²⁴ apart.
      const count = Math.abs(data[i]!) * 2 ** 24;
      const below = Math.floor(count);
      return sign | (count - below > 0.5 || (count - below === 0.5 && below % 2 === 1) ? below + 1 : below);
    }
    // What rounds up past the mantissa goes on into the exponent, and at its end to infinity.
    const rest = word & 0x1fff;
    const below = (exponent << 10) | ((word >>> 13) & 0x3ff);
    return sign | (rest > 0x1000 || (rest === 0x1000 && below % 2 === 1) ? below + 1 : below);
  });
};

/** A product that has been compiled and bound. */
export interface Bound {
  /** Issues so many of it. */
  run(times: number): void;
  read(): Promise<Float32Array>;
  dispose(): void;
}

export interface Operands {
  readonly x: Float32Array;
  readonly values: Float32Array;
  readonly index: Uint32Array | null;
}

/** @throws Error with the device's words when it refuses the shader. */
export const bind = async (
  device: GPUDevice,
  { code, half, workgroups }: { readonly code: string; readonly half: boolean; readonly workgroups: number },
  { x, values, index }: Operands,
  { tokens, outputs }: TensorCoreSizes,
): Promise<Bound> => {
  device.pushErrorScope("validation");
  const upload = (data: Float32Array | Uint16Array | Uint32Array): GPUBuffer => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
    const buffer = device.createBuffer({ size: data.byteLength, usage });
    device.queue.writeBuffer(buffer, 0, data.buffer, data.byteOffset, data.byteLength);
    return buffer;
  };
  const halves = (data: Float32Array): Float32Array | Uint16Array => (half ? toHalves(data) : data);
  const size = tokens * outputs * 4;
  const y = device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  const buffers = [upload(halves(x)), upload(halves(values)), y, ...(index ? [upload(index)] : [])];
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint: "main" } });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const error = await device.popErrorScope();
  if (error) throw new Error(error.message);
  return {
    run: (times) => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      for (let i = 0; i < times; i++) pass.dispatchWorkgroups(workgroups);
      pass.end();
      device.queue.submit([encoder.finish()]);
    },
    read: async () => {
      const copy = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(y, 0, copy, 0, size);
      device.queue.submit([encoder.finish()]);
      await copy.mapAsync(GPUMapMode.READ);
      const got = new Float32Array(copy.getMappedRange().slice(0));
      copy.destroy();
      return got;
    },
    dispose: () => {
      for (const buffer of buffers) buffer.destroy();
    },
  };
};
