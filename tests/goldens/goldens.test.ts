// What PyTorch and Hugging Face computed, through the runner that also reads other sets of the same form.
import { cpu, setDefaultDevice, type Backend } from "@tessera/tensor";
import { afterAll, describe, expect, it } from "vitest";
import { devices, gpu, oracle, skippedWithoutGpu } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { ourGoldens } from "./folder.ts";
import { checkOps } from "./ops.ts";
import { checkOptimisers } from "./optim.ts";
import type { CaseResult } from "./result.ts";

const { reference: launchedBefore } = cpu.launches;

afterAll(() => setDefaultDevice(cpu));

const inPage = typeof document !== "undefined";

/** Failures of all cases by name, and the ops that do not exist. */
const outcome = async (cases: AsyncGenerator<CaseResult>) => {
  const failed: { [id: string]: readonly string[] } = {};
  const missing = new Set<string>();
  let count = 0;
  for await (const result of cases) {
    count++;
    if ("missing" in result) missing.add(result.missing);
    else if (result.failures.length > 0) failed[result.id] = result.failures;
  }
  return { count, failed, missing: [...missing].sort() };
};

skippedWithoutGpu("the same on webgpu");
describe.each([oracle, ...devices].map((device) => [device.name, device] as const))("goldens on %s", (_, device: Backend) => {
  it("every op and gradient agrees, and none is missing", () =>
    withoutLeaks(async () => {
      setDefaultDevice(device);
      expect(await outcome(checkOps(ourGoldens, device))).toEqual({ count: 273, failed: {}, missing: [] });
    }));

  it("every convolution, pool and norm over channels agrees", () =>
    withoutLeaks(async () => {
      setDefaultDevice(device);
      expect(await outcome(checkOps(ourGoldens.folder("windows"), device))).toEqual({ count: 47, failed: {}, missing: [] });
    }));

  // All in Node. One of the two pages takes the same kernels: a sixth of the cases on webgpu, whose shaders take a minute there for all.
  const every = inPage && device === gpu ? 6 : 1;
  it.runIf(!inPage || crossOriginIsolated)("every op and gradient agrees at the edges, but for the differences that are meant", () =>
    withoutLeaks(async () => {
      setDefaultDevice(device);
      expect(await outcome(checkOps(ourGoldens.folder("edges"), device, every))).toEqual({ count: Math.ceil(289 / every), failed: {}, missing: [] });
    }));

  it.runIf(!inPage)("every further op and gradient agrees", () =>
    withoutLeaks(async () => {
      setDefaultDevice(device);
      const { failed, missing } = await outcome(checkOps(ourGoldens.folder("breadth"), device));
      expect({ failed, missing }).toEqual({ failed: {}, missing: [] });
    }));

  it("every optimiser follows its trace", () =>
    withoutLeaks(async () => {
      setDefaultDevice(device);
      expect(await outcome(checkOptimisers(ourGoldens, device))).toEqual({ count: 7, failed: {}, missing: [] });
      expect(await outcome(checkOptimisers(ourGoldens.folder("models"), device))).toEqual({ count: 10, failed: {}, missing: [] });
    }));
});

it("ran no reference kernel on cpu", () => expect(cpu.launches).toMatchObject({ reference: launchedBefore }));
