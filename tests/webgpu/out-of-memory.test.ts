import {
  add,
  exp,
  memory,
  ones,
  openDevice,
  OutOfMemoryError,
  scope,
  sum,
  zeros,
  type WebgpuBackend,
} from "@tessera/tensor";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onWebgpu, ownDevice } from "./on-webgpu.ts";

/** Buffers from so many bytes on are refused while the device is said to be full. */
const LARGE = 2 ** 20;

/** A device that can be made to say that it is full: a software one never is. */
const device = async () => {
  const own = await ownDevice();
  const room = { full: false, refused: 0 };
  const create = own.createBuffer.bind(own);
  const pop = own.popErrorScope.bind(own);
  let refused: string | null = null;
  own.createBuffer = (descriptor) => {
    if (!room.full || descriptor.size < LARGE) return create(descriptor);
    room.refused++;
    refused = `no room for ${descriptor.size}`;
    // As invalid as the platform's would be: nothing can be done with it.
    own.pushErrorScope("validation");
    const invalid = create({ ...descriptor, size: 2 * own.limits.maxBufferSize });
    void pop();
    return invalid;
  };
  own.popErrorScope = () => {
    const said = refused;
    refused = null;
    return said === null ? pop() : pop().then(() => new GPUOutOfMemoryError(said));
  };
  const backend = (await openDevice(own)) as WebgpuBackend;
  const close = (): void => {
    backend.close();
    own.destroy();
  };
  return { backend, room, close };
};

onWebgpu("a full device", () => {
  it("is an OutOfMemoryError with the op and the sizes at the next await, and what exists stays", () =>
    withoutLeaks(async () => {
      const { backend, room, close } = await device();
      const kept = ones([4], { device: backend });
      await backend.sync();
      const live = backend.deviceBytes.live;
      const counts = memory()["webgpu"];
      room.full = true;
      const work = (): Promise<unknown> =>
        scope(() => ({ total: sum(exp(add(kept, zeros([LARGE / 4, 4], { device: backend })))).item() })).total;
      await expect(work()).rejects.toThrow(OutOfMemoryError);
      await expect(work()).rejects.toThrow(
        /^fill: the device has no room for 4194304 bytes beside the \d+ in use; free tensors, or use smaller batches \(no room for \d+\)$/,
      );
      expect([...(await kept.data())]).toEqual([1, 1, 1, 1]);
      expect(backend.deviceBytes.live).toBeLessThanOrEqual(live);
      expect(memory()["webgpu"]).toMatchObject({ tensors: counts!.tensors, bytes: counts!.bytes });
      expect(room.refused).toBeGreaterThan(2);
      // What could not be made is in no pool: equal sizes are made anew.
      room.full = false;
      expect(await work()).toBeCloseTo(LARGE * Math.E, -1);
      kept.dispose();
      close();
    }));

  it("spoils no other work: what was never made is refused by name until it is freed", () =>
    withoutLeaks(async () => {
      const { backend, room, close } = await device();
      room.full = true;
      const never = zeros([LARGE / 4], { device: backend });
      await expect(backend.sync()).rejects.toThrow(OutOfMemoryError);
      expect(() => scope((): void => void sum(never))).toThrow(
        new OutOfMemoryError(
          "sum: one of its tensors was never made, since the device had no room for it; free it, and make it again",
        ),
      );
      await expect(never.data()).rejects.toThrow(OutOfMemoryError);
      never.dispose();
      const read = scope(() => ({ total: sum(ones([5], { device: backend })).item() }));
      expect(await read.total).toBe(5);
      close();
    }));
});
