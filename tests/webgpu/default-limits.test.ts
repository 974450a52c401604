import * as blockMatmul from "@tessera/sparse/ops/block-matmul";
// Teaches autograd the gradients.
import "@tessera/sparse";
import { openDevice, type WebgpuBackend } from "@tessera/tensor";
import * as attention from "@tessera/tensor/ops/attention";
import * as matmul from "@tessera/tensor/ops/matmul";
import * as norm from "@tessera/tensor/ops/norm";
import { afterAll, expect, it } from "vitest";
import { attentionSamples } from "../samples/attention.ts";
import { blockMatmulSamples } from "../samples/block-matmul.ts";
import { matmulSamples } from "../samples/matmul.ts";
import { normSamples } from "../samples/norm.ts";
import { conformanceOn } from "../support/conformance.ts";
import { gpu } from "../support/devices.ts";
import { onWebgpu, ownDevice } from "./on-webgpu.ts";

// Kernels that share workgroup memory, on a device whose owner asked for nothing: 16 KiB of it, and 256 invocations.
const own = gpu && (await ownDevice());
const standard = own && ((await openDevice(own)) as WebgpuBackend);

onWebgpu("a device with the limits that every device has", () => {
  afterAll(() => {
    standard!.close();
    own!.destroy();
  });
  it("has less workgroup memory than the adapter", () => {
    expect(standard!.profile.limits.maxComputeWorkgroupStorageSize).toBe(16384);
    expect(standard!.profile.limits.maxComputeInvocationsPerWorkgroup).toBe(256);
  });
  const sums = { forward: { relative: 1e-5 }, gradient: { relative: 1e-4 } } as const;
  conformanceOn(standard!, "matmul", matmul, matmulSamples, sums);
  conformanceOn(standard!, "attention", attention, attentionSamples, sums);
  conformanceOn(standard!, "norm", norm, normSamples, sums);
  conformanceOn(standard!, "block-matmul", blockMatmul, blockMatmulSamples, sums);
});
