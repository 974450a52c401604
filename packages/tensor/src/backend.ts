import type { BuildChoice } from "./backends/cpu/choose-build.ts";
import type { DType, TypedArray } from "./dtype.ts";
import { DeviceError } from "./error.ts";
import type { Call, KernelOp, Signature } from "./op.ts";

/** Device memory of one storage. Its fields belong to the backend that made it. */
export interface Buffer {
  readonly bytes: number;
}

/** What one launch reads and writes. `null`: an optional input that was not given, or an extra output that was not asked for. */
export interface Launch {
  readonly op: KernelOp<Signature>;
  readonly call: Call<Signature>;
  readonly inputs: readonly (Buffer | null)[];
  readonly outputs: readonly (Buffer | null)[];
  readonly scalars: { readonly [name: string]: number };
}

/**
 * A device: memory, and a queue that runs ops on it. Not a list of ops: those bring their own kernels.
 * All calls take effect in the order made; `write` and `free` never overtake work that was launched before.
 */
export interface Backend {
  readonly name: string;
  /** Whether its kernels fuse multiply-adds here: results differ in their last bits. Absent where every engine gives the same bits. */
  readonly fusesMultiplyAdd?: boolean;
  /** Which build of its kernels runs here, and why. Absent where there is one. */
  readonly kernelBuild?: BuildChoice;
  /**
   * Memory for `length` elements, contents undefined. Throws OutOfMemoryError and changes nothing when there is none; a device that knows
   * only later says so at the next `read` or `sync`. `op`: what asks for it, for messages.
   */
  alloc(dtype: DType, length: number, op?: string): Buffer;
  free(buffer: Buffer): void;
  /**
   * Copies host data to the start of the buffer; what is not 0 of bool is 1 there. Throws DTypeError when the array is not the one of the
   * buffer's dtype, ShapeError when it is longer than the buffer: nothing is written past its end.
   */
  write(buffer: Buffer, data: TypedArray): void;
  /** The elements as they are at the time of the call, whatever happens to the buffer before the promise resolves. */
  read(buffer: Buffer, dtype: DType, offset: number, length: number): Promise<TypedArray>;
  /** The same, at once. Absent where the device answers only later. */
  readSync?(buffer: Buffer, dtype: DType, offset: number, length: number): TypedArray;
  launch(launch: Launch): void;
  /** The inputs that this device's kernel reads as views; `run` makes the others contiguous first. */
  readsViews(op: KernelOp<Signature>): readonly number[] | "all" | undefined;
  /** Resolves when everything launched so far has run; rejects with its first failure. */
  sync(): Promise<void>;
  close(): void;
}

/** How long one kernel took on the device, where the device can tell. */
export interface KernelTime {
  readonly label: string;
  readonly seconds: number;
}

/** A device, or the name of one that is open. */
export type DeviceLike = Backend | string;

const open = new Map<string, Backend>();
let fallback: Backend | null = null;

/** Makes a device known by its name. The first one becomes the default. */
export const registerDevice = (device: Backend): Backend => {
  open.set(device.name, device);
  fallback ??= device;
  return device;
};

/** The device of that name. @throws DeviceError when none is open. */
export const resolveDevice = (device: DeviceLike | undefined): Backend => {
  if (device === undefined) return defaultDevice();
  if (typeof device !== "string") return device;
  const found = open.get(device);
  if (!found)
    throw new DeviceError(
      `device: "${device}" is not open, these are: ${[...open.keys()].join(", ")}; open it first with await openDevice("${device}")`,
    );
  return found;
};

/** Where tensors are made when no device is named: `cpu`, unless `setDefaultDevice` said otherwise. */
export const defaultDevice = (): Backend => {
  if (!fallback) throw new DeviceError("device: none is open; import @tessera/tensor, which opens cpu and reference");
  return fallback;
};

/** Changes where tensors are made when no device is named. */
export const setDefaultDevice = (device: DeviceLike): void => {
  fallback = resolveDevice(device);
};

/** The devices that are open, by name. */
export const openDevices = (): ReadonlyMap<string, Backend> => open;
