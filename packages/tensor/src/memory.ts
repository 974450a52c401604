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

/** The account of one device, opened on first use. */
export const accountOf = (device: Backend): DeviceMemory => {
  let account = devices.get(device);
  if (!account) devices.set(device, (account = { tensors: 0, storages: 0, bytes: 0, peakBytes: 0 }));
  return account;
};

/**
 * Live tensors, bytes and peak, for each device that has been used.
 *
 * @example
 * const before = memory().cpu?.bytes ?? 0;
 * scope(() => { zeros([1024, 1024]); });
 * (memory().cpu?.bytes ?? 0) - before; // 0: the scope freed it
 */
export const memory = (): { [device: string]: DeviceMemory } =>
  Object.fromEntries([...devices].map(([device, account]) => [device.name, { ...account }]));

/** Starts the peak again from what is alive now. */
export const resetPeakMemory = (): void => {
  for (const account of devices.values()) account.peakBytes = account.bytes;
};
