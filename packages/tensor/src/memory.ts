import type { Backend } from "./backend.ts";

/** What is alive on one device. */
export interface DeviceMemory {
  /** Handles that were made and not yet freed; several views of one storage count each. */
  tensors: number;
  storages: number;
  /** Bytes of the live storages: elements × their size, without what the pool holds for reuse. */
  bytes: number;
  /** The largest `bytes` since the start or the last `resetPeakMemory()`. */
  peakBytes: number;
}

const devices = new Map<Backend, DeviceMemory>();
/** Devices that were closed or lost. Their tensors may still be freed; nothing new is allocated on them. */
const retired = new Set<Backend>();

/** The account of one device, opened on first use. */
export const accountOf = (device: Backend): DeviceMemory => {
  let account = devices.get(device);
  if (!account) {
    dropEmpty();
    devices.set(device, (account = { tensors: 0, storages: 0, bytes: 0, peakBytes: 0 }));
  }
  return account;
};

/** Marks a device as closed or lost. Its account is dropped once all of its tensors are freed. */
export const retireAccount = (device: Backend): void => {
  if (!devices.has(device)) return;
  retired.add(device);
  dropEmpty();
};

const dropEmpty = (): void => {
  for (const device of retired) {
    const account = devices.get(device);
    if (account && (account.tensors > 0 || account.storages > 0)) continue;
    devices.delete(device);
    retired.delete(device);
  }
};

/**
 * Live tensors, bytes and peak, for each device that has been used. Devices of one name, of which at most one is still open, are added
 * up; their peaks too.
 *
 * @example
 * const before = memory().cpu?.bytes ?? 0;
 * scope(() => { zeros([1024, 1024]); });
 * (memory().cpu?.bytes ?? 0) - before; // 0: the scope freed it
 */
export const memory = (): { [device: string]: DeviceMemory } => {
  dropEmpty();
  const byName: { [device: string]: DeviceMemory } = {};
  for (const [{ name }, { tensors, storages, bytes, peakBytes }] of devices) {
    const sum = (byName[name] ??= { tensors: 0, storages: 0, bytes: 0, peakBytes: 0 });
    sum.tensors += tensors;
    sum.storages += storages;
    sum.bytes += bytes;
    sum.peakBytes += peakBytes;
  }
  return byName;
};

/** Starts the peak again from what is alive now. */
export const resetPeakMemory = (): void => {
  for (const account of devices.values()) account.peakBytes = account.bytes;
};
