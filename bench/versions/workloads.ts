/** A dense product, and the three of a block-sparse layer of 3072 x 768 at 0.25 for 2048 tokens, in blocks of 32. */
const PRODUCTS = ["1024x1024x1024", "2048x768x3072", "forward at 0.25", "dx at 0.25", "dw at 0.25"] as const;

/** What is compared on each device, by the names that `--only` takes. */
export const WORKLOADS = {
  cpu: ["encoder", "2x128", "2x128 at 0.25", "4x256", "4x256 at 0.25", ...PRODUCTS, "launches"],
  webgpu: ["tiny", "tiny at 0.25", "base", "base at 0.25", "launches"],
} as const;
export type DeviceName = keyof typeof WORKLOADS;
export type WorkloadName = (typeof WORKLOADS)[DeviceName][number];

/** What a version's process is asked for. */
export type JobRequest =
  | { readonly kind: "open"; readonly device: DeviceName; readonly threads: number }
  | { readonly kind: "load"; readonly workload: WorkloadName }
  | { readonly kind: "time"; readonly steps: number };

/** Seconds of one step, and the last step's loss. */
export type JobAnswer = { readonly seconds: number; readonly loss: number } | { readonly failed: string };
