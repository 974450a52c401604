import { setDefaultDevice, type Backend } from "@tessera/tensor";
import { afterAll, beforeAll, describe } from "vitest";
import { devices, oracle, skippedWithoutGpu } from "./devices.ts";

/** The same tests with each device as the default one. */
export const onEveryDevice = (tests: (device: Backend) => void): void => {
  describe.each([oracle, ...devices].map((device) => [device.name, device] as const))("on %s", (_, device) => {
    beforeAll(() => setDefaultDevice(device));
    afterAll(() => setDefaultDevice("cpu"));
    tests(device);
  });
  skippedWithoutGpu("the same on webgpu");
};
