import { openDevice } from "@tessera/tensor";

/** How a device of this process rounds sums of products: processes with equal answers give equal digits. */
export const roundingOf = async (device: string): Promise<string> => {
  if (device !== "cpu") return device;
  const { kernelBuild } = await openDevice(device);
  return kernelBuild?.build === "base" ? "separate multiply-adds" : "fused multiply-adds";
};
