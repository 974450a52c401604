import { Dropout, Module } from "@tessera/nn";
import { add, cat, expand, linear, permute, reshape, ShapeError, type Parameter, type Tensor } from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import type { ViTInit } from "./vit-layers.ts";

/** A convolution's weight and bias, under the names that they have in checkpoints. */
export class ViTProjection extends Module {
  readonly weight: Parameter; // [hidden, channels, patch, patch]
  readonly bias: Parameter; // [hidden]

  constructor(make: ViTInit) {
    super();
    const { hiddenSize, numChannels, patchSize } = make.config;
    this.weight = make.normal([hiddenSize, numChannels, patchSize, patchSize]);
    this.bias = make.zeros(hiddenSize);
  }

  /** Shape: patches `[batch, n, channels · patch²]` → `[batch, n, hidden]`. */
  forward(patches: Tensor): Tensor {
    return linear(patches, reshape(this.weight, [this.weight.size(0), -1]), this.bias);
  }
}

/**
 * Every patch of an image as a vector. Patches do not overlap, so the convolution is one matrix product of their pixels.
 *
 * Shape: `[batch, channels, height, width]` → `[batch, patches, hidden]`, row by row.
 */
export class ViTPatchEmbeddings extends Module {
  readonly projection: ViTProjection;
  private readonly size: number;
  private readonly patch: number;
  private readonly channels: number;

  constructor(make: ViTInit) {
    super();
    const { imageSize, patchSize, numChannels } = make.config;
    this.size = imageSize;
    this.patch = patchSize;
    this.channels = numChannels;
    this.projection = new ViTProjection(make);
  }

  forward(images: Tensor): Tensor {
    const { size, patch, channels } = this;
    const [batch = 0, ...image] = images.shape;
    if (showShape(image) !== showShape([channels, size, size]))
      throw new ShapeError(
        `ViTModel: expected pixelValues [batch, ${channels}, ${size}, ${size}], got ${showShape(images.shape)}; resize the images, channels come first`,
      );
    const side = size / patch;
    const cut = reshape(images, [batch, channels, side, patch, side, patch]);
    const patches = permute(cut, [0, 2, 4, 1, 3, 5]);
    return this.projection.forward(reshape(patches, [batch, side * side, channels * patch * patch]));
  }
}

/** The class token, then the patches, with positions added; then dropout. Shape: images → `[batch, 1 + patches, hidden]`. */
export class ViTEmbeddings extends Module {
  readonly cls_token: Parameter; // [1, 1, hidden]
  readonly position_embeddings: Parameter; // [1, 1 + patches, hidden]
  readonly patch_embeddings: ViTPatchEmbeddings;
  readonly dropout: Dropout;

  constructor(make: ViTInit) {
    super();
    const { hiddenSize, imageSize, patchSize, hiddenDropoutProb } = make.config;
    this.cls_token = make.normal([1, 1, hiddenSize]);
    this.position_embeddings = make.normal([1, 1 + (imageSize / patchSize) ** 2, hiddenSize]);
    this.patch_embeddings = new ViTPatchEmbeddings(make);
    this.dropout = new Dropout(hiddenDropoutProb);
  }

  forward(images: Tensor): Tensor {
    const patches = this.patch_embeddings.forward(images);
    const first = expand(this.cls_token, [patches.size(0), 1, patches.size(2)]);
    return this.dropout.forward(add(cat([first, patches], 1), this.position_embeddings));
  }
}
