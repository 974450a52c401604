import { Linear, Module, pickEntries, type LoadableState, type Optimizer } from "@tessera/nn";
import {
  ArgumentError,
  clone,
  Parameter,
  scope,
  ShapeError,
  Tensor,
  type Backend,
  type DeviceLike,
  type Generator,
  type HostTensor,
} from "@tessera/tensor";
import { resolveDevice, sameShape, showShape } from "@tessera/tensor/extend";
import type { Activation } from "@tessera/tensor/ops/matmul";
import { blockIndex, rowIndexOf, type BlockIndex, type BlockSparse } from "./block-index.ts";
import { showDensity, sourcesOf, type BlockLayout } from "./block-layout.ts";
import { initialBias, initialValues } from "./initial-values.ts";
import { hostData, layoutInState } from "./layout-in-state.ts";
import { layoutOf, type LayoutOptions } from "./layout-options.ts";
import { gatherBlocks, scatterBlocks } from "./ops/block-copy/block-copy.ts";
import { blockSparseLinear } from "./ops/block-matmul/block-matmul.ts";
import { elementsInside } from "./padding.ts";

/** How a patched layer came about: what was asked for, in plain JSON, for checkpoints and reports. */
export interface PatchRecipe {
  readonly density: number;
  readonly criterion: string;
  readonly balanced: boolean;
  readonly seed: number;
  /** The rule that placed the blocks; left out for "best", those that the criterion likes best. */
  readonly layout?: string | undefined;
}

export interface BlockSparseLinearOptions extends LayoutOptions {
  /** Whether there is a bias, or its values: a parameter is shared, another tensor becomes the layer's. */
  readonly bias?: boolean | Tensor | undefined;
  /** The stored blocks, `[n, b, b]`, of the given layout: a parameter is shared, another tensor becomes the layer's. */
  readonly values?: Tensor | undefined;
  /** Applied to the sum in the same pass. */
  readonly activation?: Activation | undefined;
  readonly device?: DeviceLike | undefined;
  /** Draws the weights, and the layout where no `seed` is given. */
  readonly generator?: Generator | undefined;
  readonly recipe?: PatchRecipe | undefined;
}

/**
 * A layer with a block-sparse weight, `y = f(x Wᵀ + b)`: in place of `Linear`. Forward, input gradient and weight gradient work on the
 * stored blocks alone, and so do the optimiser and its state.
 *
 * Each row starts uniform in ±1/√n for the n inputs that it really sees, as a dense layer with n inputs would; the bias too,
 * and it starts at 0 where a row sees none. A checkpoint has `values`, `bias`, `crowIndices` and `colIndices`.
 *
 * Shape: x `[…, in]` → `[…, out]`. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html torch.nn.Linear}
 *
 * @throws ShapeError when the last size of x is not `inFeatures`.
 * @example
 * const fc = new BlockSparseLinear(1024, 256, { density: 0.1 });
 * fc.forward(zeros([8, 1024])).shape; // [8, 256]
 */
export class BlockSparseLinear extends Module implements BlockSparse {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly activation: Activation | null;
  /** Which blocks are stored; `setLayout` changes them. */
  layout: BlockLayout;
  /** What was asked for when a patcher made it; `null` for one that was made sparse. */
  readonly recipe: PatchRecipe | null;
  values: Parameter; // [n, b, b]
  bias: Parameter | null; // [out]
  crowIndices!: Tensor; // [R + 1]
  colIndices!: Tensor; // [n]
  index!: Tensor; // the layout as products take it, see BlockIndex; the two above are its first numbers

  /** @throws ArgumentError or ShapeError when options contradict each other, or do not fit the sizes. */
  constructor(inFeatures: number, outFeatures: number, options: BlockSparseLinearOptions = {}) {
    super();
    const { bias = true, values, activation, generator } = options;
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.activation = activation ?? null;
    if (values && !options.layout)
      throw new ArgumentError("BlockSparseLinear: values come with the layout that they are in; give both");
    const layout = layoutOf("BlockSparseLinear", this.shape, options);
    this.layout = layout;
    this.recipe = options.recipe ?? null;
    const { blocks, blockSize: b } = layout;
    if (values) checkGiven("values", values, [blocks, b, b]);
    if (bias instanceof Tensor) checkGiven("a bias", bias, [outFeatures]);
    const device = values?.device ?? (bias instanceof Tensor ? bias.device : resolveDevice(options.device));
    const draw = { layout, shape: this.shape, device, generator };
    // All that can fail comes first, so that nothing is left behind.
    const made = scope(() => ({
      index: blockIndex(layout, this.shape, device),
      values: values ?? initialValues(draw),
      bias: bias === true ? initialBias(draw) : bias,
    }));
    this.#setIndex(made.index);
    this.values = asParameter(made.values);
    this.bias = made.bias ? asParameter(made.bias) : null;
  }

  /**
   * The blocks of a dense layer that a layout names, each where it was. The dense layer stays as it is; the bias is copied, or is
   * the one given.
   *
   * @throws ShapeError when the layout is for another shape.
   * @example
   * const layout = BlockLayout.fromMask(mask, 16, 4, 32);
   * const sparse = BlockSparseLinear.fromLinear(dense, { layout }); // dense: 128 → 512
   */
  static fromLinear(linear: Linear, { layout, bias, recipe }: FromLinearOptions): BlockSparseLinear {
    const { inFeatures, outFeatures, weight, activation } = linear;
    return scope(() => {
      const sparse = new BlockSparseLinear(inFeatures, outFeatures, {
        layout,
        values: gatherBlocks(weight, blockIndex(layout, [outFeatures, inFeatures], weight.device)),
        bias: bias ?? (linear.bias ? clone(linear.bias) : false),
        activation: activation ?? undefined,
        recipe,
      });
      sparse.values.trainable = weight.trainable;
      if (linear.bias && !bias) sparse.bias!.trainable = linear.bias.trainable;
      return sparse;
    });
  }

  /**
   * The layer that a checkpoint describes, with the layout from there.
   *
   * @param options `prefix` is the layer's path with a dot at the end; `activation` and `device` as for a new layer
   * @throws ArgumentError or ShapeError when keys are missing or do not fit together.
   * @example
   * const { tensors } = readSafetensors(bytes);
   * const fc = BlockSparseLinear.fromStateDict(128, 512, tensors, { prefix: "encoder.layer.0.intermediate.dense." });
   */
  static fromStateDict(
    inFeatures: number,
    outFeatures: number,
    state: LoadableState,
    options: FromStateDictOptions = {},
  ): BlockSparseLinear {
    const { prefix = "", activation, device, recipe } = options;
    const layout = layoutInState(state, prefix, [outFeatures, inFeatures]);
    const [values, bias] = [state.get(`${prefix}values`)!, state.get(`${prefix}bias`)];
    if (bias && !(bias.dtype === "float32" && sameShape(bias.shape, [outFeatures])))
      throw new ShapeError(
        `block-sparse state: expected "${prefix}bias" float32 [${outFeatures}], got ${bias.dtype} ${showShape(bias.shape)}`,
      );
    const target = resolveDevice(device);
    return scope(
      () =>
        new BlockSparseLinear(inFeatures, outFeatures, {
          layout,
          values: onDevice(values, target),
          bias: bias ? onDevice(bias, target) : false,
          activation,
          recipe,
        }),
    );
  }

  /** Of the weight: `[out, in]`. */
  get shape(): readonly [number, number] {
    return [this.outFeatures, this.inFeatures];
  }

  get blockSize(): number {
    return this.layout.blockSize;
  }

  /** How many blocks are stored. */
  get blocks(): number {
    return this.layout.blocks;
  }

  /** The share of blocks that is stored. */
  get density(): number {
    return this.layout.density;
  }

  forward(x: Tensor): Tensor {
    return blockSparseLinear(x, this, this.bias, { activation: this.activation ?? undefined });
  }

  /** The dense weight, 0 where no block is stored. Shape: `[out, in]`. */
  toDense(): Tensor {
    return scatterBlocks(this);
  }

  /**
   * Stores other blocks: fewer, more, or as many in other places. Blocks of both layouts keep their values, and what optimisers
   * remember of them; new ones start at zero, so the layer computes what it did without the blocks that went. With another number of
   * blocks `values` becomes a new parameter: the optimisers that are given take it over, and any other one has to be told by
   * `reindex`. Nothing waits for the device.
   *
   * @param next for the same grid
   * @param optimizers those that have the layer's values
   * @throws ShapeError when the layout is for another grid. @throws ArgumentError when an optimiser does not have the layer's
   *   values. Nothing is changed.
   * @example
   * layer.setLayout(BlockLayout.dense(layer.layout.rows, layer.layout.cols, layer.blockSize), optimizer); // every block
   */
  setLayout(next: BlockLayout, ...optimizers: readonly Optimizer[]): void {
    const { layout, values } = this;
    if (next.rows !== layout.rows || next.cols !== layout.cols || next.blockSize !== layout.blockSize)
      throw new ShapeError(
        `setLayout: expected a layout of ${layout.rows} × ${layout.cols} blocks of ${layout.blockSize} as before, got ${next.rows} × ${next.cols} of ${next.blockSize}; make a new layer`,
      );
    for (const optimizer of optimizers)
      if (!optimizer.groups.some(({ params }) => [...params.values()].includes(values)))
        throw new ArgumentError(
          "setLayout: expected optimisers of the layer's values, got one that does not have them; hand it over first?",
        );
    if (next.equals(layout)) return;
    const sources = sourcesOf(layout, next);
    const made = scope(() => ({
      index: blockIndex(next, this.shape, values.device),
      values: pickEntries(values, sources),
    }));
    let parameter = values;
    if (next.blocks === layout.blocks) values.assign(made.values);
    else parameter = new Parameter(made.values, { trainable: values.trainable });
    for (const optimizer of optimizers) optimizer.reindex(values, parameter, sources);
    if (parameter !== values) values.dispose();
    this.values = parameter;
    for (const name of ["crowIndices", "colIndices", "index"] as const) this[name].dispose();
    this.#setIndex(made.index);
    this.layout = next;
  }

  #setIndex(index: BlockIndex): void {
    const { crowIndices, colIndices } = rowIndexOf(index);
    this.crowIndices = this.buffer(crowIndices);
    this.colIndices = this.buffer(colIndices);
    this.index = this.buffer(index.index, { persistent: false });
  }

  /** Values belong where the layer's own indices say: those of another layout are refused, even when their lengths are right. */
  protected override checkState(name: string, value: Tensor | HostTensor): string | null {
    if (name !== "crowIndices" && name !== "colIndices") return null;
    if (value instanceof Tensor && !value.device.readSync)
      return `a layout on ${value.device.name}, which cannot be read synchronously; await its to("cpu") first`;
    const [own, given] = [this.layout[name], hostData(value)];
    const at = own.findIndex((index, i) => index !== given[i]);
    return at < 0
      ? null
      : `expected the layout of this layer, ${own[at]} at ${at}, got ${given[at]}; applySparseLayouts makes the layers of a state`;
  }

  /** A dense layer that computes the same. The sparse one stays as it is; the bias is copied, or is the one given. */
  toLinear({ bias }: { readonly bias?: Parameter | undefined } = {}): Linear {
    return scope(() => {
      const weight = this.toDense();
      const copied = this.bias && !bias ? clone(this.bias) : null;
      return new Linear(this.inFeatures, this.outFeatures, {
        weight: new Parameter(weight, { trainable: this.values.trainable }),
        bias: bias ?? (copied ? new Parameter(copied, { trainable: this.bias!.trainable }) : false),
        activation: this.activation ?? undefined,
      });
    });
  }

  /** What sticks out of the matrix is stored, and not learned. */
  protected override elementsOf(parameter: Parameter): number {
    return parameter === this.values ? elementsInside(this.layout, this.shape) : super.elementsOf(parameter);
  }

  override extraRepr(): string {
    const { layout, inFeatures, outFeatures, bias, activation } = this;
    return [
      `inFeatures=${inFeatures}`,
      `outFeatures=${outFeatures}`,
      `bias=${bias !== null}`,
      `blockSize=${layout.blockSize}`,
      `density=${showDensity(layout.density)} (${layout.blocks} of ${layout.rows * layout.cols} blocks)`,
      ...(layout.deadRows().length > 0 ? [`deadRows=${layout.deadRows().length}`] : []),
      ...(layout.deadColumns().length > 0 ? [`deadColumns=${layout.deadColumns().length}`] : []),
      ...(activation ? [`activation="${activation}"`] : []),
    ].join(", ");
  }
}

/** Where a layer's tensors are in a state, and what it does not say. */
export interface FromStateDictOptions {
  readonly prefix?: string | undefined;
  readonly activation?: Activation | undefined;
  readonly device?: DeviceLike | undefined;
  readonly recipe?: PatchRecipe | undefined;
}

/** Which blocks of a dense layer stay. */
export interface FromLinearOptions {
  readonly layout: BlockLayout;
  /** In place of a copy of the bias: when the new layer takes the old one's place. */
  readonly bias?: Parameter | undefined;
  readonly recipe?: PatchRecipe | undefined;
}

const checkGiven = (name: string, given: Tensor, shape: readonly number[]): void => {
  if (given.dtype !== "float32" || !sameShape(given.shape, shape))
    throw new ShapeError(
      `BlockSparseLinear: expected ${name} float32 ${showShape(shape)} for this layer, got ${given.dtype} ${showShape(given.shape)}`,
    );
};

const asParameter = (tensor: Tensor): Parameter => (tensor instanceof Parameter ? tensor : new Parameter(tensor));

const onDevice = (value: Tensor | HostTensor, device: Backend): Tensor =>
  Tensor.fromHost(hostData(value), value.shape, value.dtype, device, "fromStateDict");
