import { CHECKPOINT_FILE, MemoryFolder, Trainer } from "@tessera/models";
import {
  manualSeed,
  memory,
  setDefaultDevice,
  type DeviceError,
  type TypedArray,
  type WebgpuBackend,
} from "@tessera/tensor";
import { expect, it } from "vitest";
import { disposeTraining, tinyConfig, tinyTraining, type TinyTraining } from "../models/tiny-model.ts";
import { deviceBehind, onWebgpu, openAgain } from "./on-webgpu.ts";

const STEPS = 12;

onWebgpu("training on webgpu", () => {
  const start = (device: WebgpuBackend): TinyTraining => {
    setDefaultDevice(device);
    return tinyTraining(STEPS, tinyConfig({ numHiddenLayers: 1 }));
  };
  const weightsOf = async ({ model }: TinyTraining): Promise<TypedArray[]> =>
    Promise.all([...model.namedParameters().values()].map((x) => x.data()));

  it("ends with a typed error when the device is lost, keeps the last checkpoint, and goes on from it on a new device", async () => {
    const undisturbed = start(await openAgain());
    manualSeed(3);
    expect((await new Trainer({ ...undisturbed, steps: STEPS, maxGradNorm: 1 }).train()).status).toBe("finished");
    const expected = await weightsOf(undisturbed);
    disposeTraining(undisturbed);

    const lost = expect.objectContaining({
      name: "DeviceError",
      message: expect.stringContaining("the device was lost") as string,
    }) as DeviceError;
    const device = await openAgain();
    const folder = new MemoryFolder();
    const interrupted = start(device);
    manualSeed(3);
    const options = { steps: STEPS, maxGradNorm: 1, folder, saveSteps: 4, loggingSteps: 1 };
    await expect(
      new Trainer({
        ...interrupted,
        ...options,
        onProgress: ({ step }) => {
          if (step === 6) deviceBehind(device).destroy();
        },
      }).train(),
    ).rejects.toThrow(lost);
    expect(device.isLost).toBe(true);
    disposeTraining(interrupted);
    expect(await folder.exists(CHECKPOINT_FILE)).toBe(true);

    const next = await openAgain();
    expect(next).not.toBe(device);
    const resumed = start(next);
    const result = await new Trainer({ ...resumed, ...options }).train({ resume: true });
    expect(result).toMatchObject({ status: "finished", step: STEPS });
    // Bit for bit: the same kernels on the same adapter, in the same order.
    expect(await weightsOf(resumed)).toEqual(expected);
    disposeTraining(resumed);
    expect(memory()["webgpu"]).toMatchObject({ tensors: 0, bytes: 0 });
  });
});
