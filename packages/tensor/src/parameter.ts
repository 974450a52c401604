import { resolveDevice, type DeviceLike } from "./backend.ts";
import { ShapeError } from "./error.ts";
import { contiguousCopy } from "./op.ts";
import { keep } from "./scope.ts";
import { sameShape, showShape } from "./shape.ts";
import { Storage } from "./storage.ts";
import { replaceStorage, Tensor } from "./tensor.ts";

/**
 * A tensor with an identity: what a module learns. It lives outside every scope until it is disposed, and alone among
 * tensors it may change its storage (when its module moves or loads), never its shape.
 *
 * @example
 * const weight = new Parameter(zeros([4, 3])); // takes the zeros over
 * weight.trainable = false; // no gradient, and none of its cost
 */
export class Parameter extends Tensor {
  /** Whether gradients are taken for it. */
  trainable: boolean;

  /** Takes `value` over: that handle is freed. A view is copied into storage of its own. */
  constructor(value: Tensor, { trainable = true }: { trainable?: boolean | undefined } = {}) {
    const own = value.isContiguous() && value.offset === 0 && value.numel() === value.storage.length;
    const source = own ? value : contiguousCopy(value);
    super(source.storage.retain(), source, "parameter");
    this.trainable = trainable;
    keep(this);
    source.dispose();
    if (source !== value) value.dispose();
  }

  /** Replaces the contents by `value`, which is freed. @throws ShapeError when shapes or dtypes differ. */
  assign(value: Tensor): void {
    if (!sameShape(value.shape, this.shape) || value.dtype !== this.dtype)
      throw new ShapeError(
        `parameter: expected ${this.dtype} ${showShape(this.shape)}, got ${value.dtype} ${showShape(value.shape)}; a parameter keeps its shape`,
      );
    if (!value.isContiguous() || value.offset !== 0)
      throw new ShapeError("parameter: expected a contiguous tensor of its own storage, got a view; clone() it");
    replaceStorage(this, value.storage.retain());
    value.dispose();
  }

  /** Moves the parameter itself to another device, and resolves to it. */
  override async to(device: DeviceLike): Promise<this> {
    const target = resolveDevice(device);
    if (target === this.device) return this;
    const data = await this.data();
    const storage = new Storage(target, this.dtype, this.numel());
    if (data.length > 0) target.write(storage.buffer, data);
    replaceStorage(this, storage);
    return this;
  }
}
