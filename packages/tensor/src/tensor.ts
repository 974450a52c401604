/// <reference lib="esnext.disposable" preserve="true" />
import { defaultDevice, resolveDevice, type Backend, type DeviceLike } from "./backend.ts";
import { hostArray, type DType, type TypedArray } from "./dtype.ts";
import { DeviceError, LifetimeError, ShapeError } from "./error.ts";
import { hostValues, type HostArray } from "./host-data.ts";
import { inspectCustom } from "./inspect.ts";
import { accountOf } from "./memory.ts";
import { currentFrame, type Frame } from "./scope-frame.ts";
import { contiguousStrides, isContiguous, numel, showShape, type Layout, type Shape } from "./shape.ts";
import { Storage } from "./storage.ts";

let nextId = 1;
let leakReporter: ((message: string) => void) | null = null;

/** Calls `report` whenever a tensor was collected without having been freed; `null` stops it. */
export const reportLeaks = (report: ((message: string) => void) | null): void => {
  leakReporter = report;
};

// Only a net: tensors inside a scope are held by it, so just those outside every scope are registered.
const net = new FinalizationRegistry<{ storage: Storage; origin: string }>(({ storage, origin }) => {
  accountOf(storage.device).tensors--;
  storage.release();
  leakReporter?.(`memory: a tensor made by ${origin} was collected without dispose(); scope() the code that makes it`);
});

/** Hands a tensor to another scope, or with `null` to nobody. For scope.ts; no package exports it. */
export let moveTo: (tensor: Tensor, frame: Frame | null) => void;
/** Gives a tensor that owns its storage another one, which it takes over. For parameter.ts; no package exports it. */
export let replaceStorage: (tensor: Tensor, storage: Storage) => void;

/**
 * A strided view of device memory. A handle never changes its shape, dtype, device or storage.
 *
 * Make one with `tensor`, `zeros`, `randn`, …; compute with the functions of the op families, or with the methods of
 * the same names. Mirrors {@link https://docs.pytorch.org/docs/stable/tensors.html torch.Tensor}.
 */
export class Tensor implements Layout {
  readonly shape: Shape;
  readonly dtype: DType;
  /** In elements. */
  readonly strides: readonly number[];
  /** In elements. */
  readonly offset: number;
  /** Names the value: handles that a tape keeps share the id of the tensor they stand for. */
  readonly id: number;
  /** The op that made it, for messages. */
  readonly origin: string;
  #store: Storage | null;
  #frame: Frame | null;

  static {
    moveTo = (tensor, frame) => tensor.#moveTo(frame, true);
    replaceStorage = (tensor, storage) => tensor.#replaceStorage(storage);
  }

  /** Takes over one count of `storage`. Ops and creators call this; users do not. */
  constructor(storage: Storage, layout: Layout, origin: string, id = nextId++) {
    this.shape = layout.shape;
    this.dtype = layout.dtype;
    this.strides = layout.strides;
    this.offset = layout.offset;
    this.#store = storage;
    this.origin = origin;
    this.id = id;
    accountOf(storage.device).tensors++;
    // As in #moveTo, for a tensor that nobody has held before.
    this.#frame = currentFrame;
    if (currentFrame) currentFrame.add(this);
    else net.register(this, { storage, origin }, this);
  }

  /** A new contiguous tensor with undefined contents. */
  static empty(shape: Shape, dtype: DType, device: Backend = defaultDevice(), origin = "empty"): Tensor {
    const storage = new Storage(device, dtype, numel(shape), origin);
    return new Tensor(storage, { shape, dtype, strides: contiguousStrides(shape), offset: 0 }, origin);
  }

  /**
   * A new contiguous tensor holding a copy of `data`, a typed array of any kind.
   *
   * @throws ShapeError when it does not fill the shape, ArgumentError when it is no typed array, or int32 cannot hold a number of it.
   */
  static fromHost(
    data: HostArray,
    shape: Shape,
    dtype: DType,
    device: Backend = defaultDevice(),
    origin = "tensor",
  ): Tensor {
    const values = hostValues(origin, data, dtype);
    if (values.length !== numel(shape))
      throw new ShapeError(
        `${origin}: shape ${showShape(shape)} has ${numel(shape)} elements, the data ${values.length}`,
      );
    const out = Tensor.empty(shape, dtype, device, origin);
    if (values.length > 0) device.write(out.storage.buffer, values);
    return out;
  }

  get storage(): Storage {
    if (!this.#store)
      throw new LifetimeError(
        `tensor: the ${showShape(this.shape)} tensor made by ${this.origin} was freed; return it from its scope, or keep() it`,
      );
    return this.#store;
  }

  get device(): Backend {
    return this.storage.device;
  }

  /** Number of dims. */
  get ndim(): number {
    return this.shape.length;
  }

  get isDisposed(): boolean {
    return this.#store === null;
  }

  /** Number of elements. */
  numel(): number {
    return numel(this.shape);
  }

  /** The size of one dim; negative dims count from the back. */
  size(dim: number): number {
    const size = this.shape.at(dim);
    if (size === undefined) throw new ShapeError(`size: dim ${dim} is outside ${showShape(this.shape)}`);
    return size;
  }

  isContiguous(): boolean {
    return isContiguous(this);
  }

  /**
   * The elements in row-major order, as they are now: the tensor may be freed or overwritten before the promise resolves.
   *
   * @example
   * await tensor([1, 2]).data(); // Float32Array [1, 2]
   */
  async data(): Promise<TypedArray> {
    const { start, span } = reach(this);
    return gather(await this.device.read(this.storage.buffer, this.dtype, start, span), this, start);
  }

  /** Like `data()`, at once. @throws DeviceError on a device that answers only later, such as webgpu. */
  dataSync(): TypedArray {
    const { start, span } = reach(this);
    if (!this.device.readSync)
      throw new DeviceError(`dataSync: ${this.device.name} cannot be read synchronously; use await x.data()`);
    return gather(this.device.readSync(this.storage.buffer, this.dtype, start, span), this, start);
  }

  /** The only element, as a number (0 or 1 for bool). @throws ShapeError when there is not exactly one. */
  async item(): Promise<number> {
    this.#checkSingle();
    return (await this.data())[0]!;
  }

  /** Like `item()`, at once. @throws DeviceError on a device that answers only later. */
  itemSync(): number {
    this.#checkSingle();
    return this.dataSync()[0]!;
  }

  /** A copy on another device; the tensor itself when it is already there. */
  async to(device: DeviceLike): Promise<Tensor> {
    const target = resolveDevice(device);
    if (target === this.device) return this;
    return Tensor.fromHost(await this.data(), this.shape, this.dtype, target, "to");
  }

  /** Another handle on the same value. It shares the id, so a tape takes both for the same tensor. */
  alias(): Tensor {
    return new Tensor(this.storage.retain(), this, this.origin, this.id);
  }

  /** Frees this handle; the memory goes when no other handle or tape needs it. Twice is allowed. */
  dispose(): void {
    if (!this.#store) return;
    this.#moveTo(null, false);
    accountOf(this.#store.device).tensors--;
    this.#store.release();
    this.#store = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  [inspectCustom](): string {
    return this.toString();
  }

  /** `guarded`: whether the net watches it outside of every scope. */
  #moveTo(frame: Frame | null, guarded: boolean): void {
    if (this.#frame) this.#frame.delete(this);
    else net.unregister(this);
    this.#frame = frame;
    if (frame) frame.add(this);
    else if (guarded && this.#store) net.register(this, { storage: this.#store, origin: this.origin }, this);
  }

  #replaceStorage(storage: Storage): void {
    accountOf(this.storage.device).tensors--;
    net.unregister(this);
    this.storage.release();
    this.#store = storage;
    accountOf(storage.device).tensors++;
    this.#moveTo(this.#frame, true);
  }

  #checkSingle(): void {
    if (this.numel() !== 1)
      throw new ShapeError(`item: expected one element, got shape ${showShape(this.shape)}; use data()`);
  }
}

/** The range of the storage that a view can touch. */
const reach = ({ shape, strides, offset }: Layout): { start: number; span: number } => {
  // Nothing is read, and the offset may lie past the end.
  if (numel(shape) === 0) return { start: 0, span: 0 };
  let low = 0;
  let high = 0;
  for (let d = 0; d < shape.length; d++) {
    const end = (shape[d]! - 1) * strides[d]!;
    if (end < 0) low += end;
    else high += end;
  }
  return { start: offset + low, span: high - low + 1 };
};

/** A view's elements in row-major order, from the range of storage that it reaches. */
const gather = (values: TypedArray, { shape, strides, offset, dtype }: Layout, start: number): TypedArray => {
  if (isContiguous({ shape, strides })) return values;
  const out = hostArray(dtype, numel(shape));
  const index = new Array<number>(shape.length).fill(0);
  let at = offset - start;
  for (let i = 0; i < out.length; i++) {
    out[i] = values[at]!;
    for (let d = shape.length - 1; d >= 0; d--) {
      at += strides[d]!;
      if (++index[d]! < shape[d]!) break;
      at -= strides[d]! * shape[d]!;
      index[d] = 0;
    }
  }
  return out;
};
