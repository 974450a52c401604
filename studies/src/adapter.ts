import { devices } from "@tessera/tensor";

/** Whether there is a GPU, and not software that plays one. */
export const hasGpu = async (): Promise<boolean> => {
  const found = (await devices()).find(({ name }) => name === "webgpu");
  return found?.adapter !== undefined && !found.adapter.software;
};
