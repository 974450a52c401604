import { DataError } from "./data-error.ts";

export interface ImageCollatorOptions {
  height: number;
  width: number;
  /** 3 for colours (default), 1 for grey. */
  channels?: number | undefined;
  /** How the numbers of an image lie: pixel by pixel with its channels, as cameras and canvases have them (default), or channel by channel. */
  layout?: "hwc" | "chw" | undefined;
  /** What values are multiplied by first. Default 1/255, for bytes. */
  scale?: number | undefined;
  /** Subtracted from each channel after that. Default 0. */
  mean?: readonly number[] | undefined;
  /** What each channel is divided by in the end. Default 1. */
  std?: readonly number[] | undefined;
}

/** An image, and the index of its label. */
export interface LabelledImage {
  readonly pixels: ArrayLike<number>;
  readonly label: number;
}

/** A batch for an image classifier. */
export interface ImageBatch {
  /** Shape: `[batch, channels, height, width]`. */
  pixelValues: Float32Array;
  /** Shape: `[batch]`. */
  labels: Int32Array;
  shape: [batch: number, channels: number, height: number, width: number];
}

/**
 * Brings images into the form that convolutions and vision transformers take: `(value · scale − mean) / std`, channel by channel.
 *
 * @example
 * const collator = new ImageCollator({ height: 28, width: 28, channels: 1, mean: [0.1307], std: [0.3081] });
 * const { pixelValues, labels, shape } = collator.collate(digits.slice(0, 32));
 *
 * Source: {@link https://huggingface.co/docs/transformers/main_classes/image_processor image processors} with `do_rescale` and `do_normalize`.
 */
export class ImageCollator {
  private readonly size: { readonly height: number; readonly width: number; readonly channels: number };
  private readonly factors: Float64Array;
  private readonly offsets: Float64Array;

  /** @throws {DataError} if a size is no whole number ≥ 1, or mean and std do not have a number for each channel */
  constructor(private readonly options: ImageCollatorOptions) {
    const { height, width, channels = 3, scale = 1 / 255 } = options;
    for (const [name, value] of Object.entries({ height, width, channels }))
      if (!Number.isInteger(value) || value < 1)
        throw new DataError(`ImageCollator: expected ${name} to be a whole number ≥ 1, got ${value}; change it`);
    const { mean = new Array<number>(channels).fill(0), std = new Array<number>(channels).fill(1) } = options;
    for (const [name, values] of Object.entries({ mean, std }))
      if (values.length !== channels)
        throw new DataError(
          `ImageCollator: expected ${name} of ${channels} channels, got ${values.length}; give one number each`,
        );
    if (std.some((value) => !(value > 0)))
      throw new DataError(`ImageCollator: expected std > 0, got ${std.join(", ")}; leave it out to divide by nothing`);
    this.size = { height, width, channels };
    this.factors = Float64Array.from(std, (value) => scale / value);
    this.offsets = Float64Array.from(mean, (value, channel) => -value / std[channel]!);
  }

  /** @throws {DataError} if there is no image, one has another number of values, or a label is no whole number ≥ 0 */
  collate(images: readonly LabelledImage[]): ImageBatch {
    if (images.length === 0) throw new DataError("collate: expected at least one image, got none; skip empty batches");
    const { height, width, channels } = this.size;
    const area = height * width;
    const count = area * channels;
    const pixelValues = new Float32Array(images.length * count);
    const [pixelStep, channelStep] = this.options.layout === "chw" ? [1, area] : [channels, 1];
    images.forEach(({ pixels }, row) => {
      if (pixels.length !== count)
        throw new DataError(
          `collate: expected images of ${channels} × ${height} × ${width} = ${count} values, got ${pixels.length} at ${row}; resize them first`,
        );
      for (let channel = 0; channel < channels; channel++) {
        const [factor, offset] = [this.factors[channel]!, this.offsets[channel]!];
        const to = row * count + channel * area;
        for (let pixel = 0; pixel < area; pixel++)
          pixelValues[to + pixel] = pixels[pixel * pixelStep + channel * channelStep]! * factor + offset;
      }
    });
    const labels = Int32Array.from(images, ({ label }, row) => {
      if (Number.isInteger(label) && label >= 0) return label;
      throw new DataError(
        `collate: expected labels that are whole numbers ≥ 0, got ${label} at ${row}; map names to indices`,
      );
    });
    return { pixelValues, labels, shape: [images.length, channels, height, width] };
  }
}
