import { Linear, Module, type LoadableState } from "@tessera/nn";
import {
  ArgumentError,
  clone,
  DTypeError,
  mul,
  Parameter,
  rand,
  resolveDevice,
  sameShape,
  scope,
  ShapeError,
  showShape,
  sub,
  Tensor,
  type Backend,
  type DeviceLike,
  type Generator,
  type HostTensor,
} from "@tessera/tensor";
import type { Activation } from "@tessera/tensor/ops/matmul";
import { blockIndex, type BlockSparse } from "./block-index.ts";
import { blockGrid, BlockLayout, showDensity } from "./block-layout.ts";
import { layoutOf, type LayoutOptions } from "./layout-options.ts";
import { gatherBlocks, scatterBlocks } from "./ops/block-copy/block-copy.ts";
import { blockSparseLinear } from "./ops/block-matmul/block-matmul.ts";
import { elementsInside, fanInOfRows, rowFactors } from "./padding.ts";

/** How a patched layer came about: what was asked for, in plain JSON, for checkpoints and reports. */
export interface PatchRecipe {
  readonly density: number;
  readonly criterion: string;
  readonly balanced: boolean;
  readonly seed: number;
}

export interface BlockSparseLinearOptions extends LayoutOptions {
  /** Whether there is one; or a parameter of another module to share. */
  readonly bias?: boolean | Parameter;
  /** The stored blocks, `[n, b, b]`, for the layout that is given with them. */
  readonly values?: Parameter;
  /** Applied to the sum in the same pass. */
  readonly activation?: Activation;
  readonly device?: DeviceLike;
  /** Draws the weights, and the layout where no `seed` is given. */
  readonly generator?: Generator;
  readonly recipe?: PatchRecipe;
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
  readonly layout: BlockLayout;
  /** What was asked for when a patcher made it; `null` for one that was made sparse. */
  readonly recipe: PatchRecipe | null;
  values: Parameter; // [n, b, b]
  bias: Parameter | null; // [out]
  crowIndices: Tensor; // [R + 1]
  colIndices: Tensor; // [n]
  ccolIndices: Tensor; // [C + 1], made from the two above
  rowIndices: Tensor; // [n], likewise
  blockPermutation: Tensor; // [n], likewise

  /** @throws ArgumentError or ShapeError when options contradict each other, or do not fit the sizes. */
  constructor(inFeatures: number, outFeatures: number, options: BlockSparseLinearOptions = {}) {
    super();
    const { bias = true, values, activation, generator } = options;
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.activation = activation ?? null;
    if (values && !options.layout) throw new ArgumentError("BlockSparseLinear: values come with the layout that they are in; give both");
    const layout = layoutOf("BlockSparseLinear", this.shape, options);
    this.layout = layout;
    this.recipe = options.recipe ?? null;
    const { blocks, blockSize: b } = layout;
    const givenValues = values && shared("values", values, [blocks, b, b]);
    const givenBias = bias instanceof Parameter && shared("a bias", bias, [outFeatures]);
    const device = values?.device ?? (bias instanceof Parameter ? bias.device : resolveDevice(options.device));
    const index = blockIndex(layout, this.shape, device);
    this.crowIndices = this.buffer(index.crowIndices);
    this.colIndices = this.buffer(index.colIndices);
    this.ccolIndices = this.buffer(index.ccolIndices, { persistent: false });
    this.rowIndices = this.buffer(index.rowIndices, { persistent: false });
    this.blockPermutation = this.buffer(index.blockPermutation, { persistent: false });
    const draw = { layout, shape: this.shape, device, ...(generator ? { generator } : {}) };
    this.values = givenValues ?? initialValues(draw);
    this.bias = givenBias || (bias ? initialBias(draw) : null);
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
      const blocks = gatherBlocks(weight, blockIndex(layout, [outFeatures, inFeatures], weight.device));
      return new BlockSparseLinear(inFeatures, outFeatures, {
        layout,
        values: new Parameter(blocks, { trainable: weight.trainable }),
        bias: bias ?? copyOf(linear.bias) ?? false,
        ...(activation ? { activation } : {}),
        ...(recipe ? { recipe } : {}),
      });
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
  static fromStateDict(inFeatures: number, outFeatures: number, state: LoadableState, options: FromStateDictOptions = {}): BlockSparseLinear {
    const { prefix = "", activation, device, recipe } = options;
    const entry = (name: string): Tensor | HostTensor => {
      const found = state.get(`${prefix}${name}`);
      if (!found) throw new ArgumentError(`BlockSparseLinear.fromStateDict: expected a key "${prefix}${name}", it is not there; is this layer dense in the checkpoint?`);
      return found;
    };
    const [values, bias] = [entry("values"), state.get(`${prefix}bias`)];
    const layout = layoutOfState(prefix, entry("crowIndices"), entry("colIndices"), values, [outFeatures, inFeatures]);
    if (bias && !(bias.dtype === "float32" && sameShape(bias.shape, [outFeatures])))
      throw new ShapeError(`BlockSparseLinear.fromStateDict: expected "${prefix}bias" float32 [${outFeatures}], got ${bias.dtype} ${showShape(bias.shape)}`);
    const target = resolveDevice(device);
    return new BlockSparseLinear(inFeatures, outFeatures, {
      layout,
      values: new Parameter(onDevice(values, target)),
      bias: bias ? new Parameter(onDevice(bias, target)) : false,
      ...(activation ? { activation } : {}),
      ...(recipe ? { recipe } : {}),
    });
  }

  /** Of the weight: `[out, in]`. */
  get shape(): readonly [number, number] {
    return [this.outFeatures, this.inFeatures];
  }

  get blockSize(): number {
    return this.layout.blockSize;
  }

  /** The share of blocks that is stored. */
  get density(): number {
    return this.layout.density;
  }

  forward(x: Tensor): Tensor {
    return blockSparseLinear(x, this, this.bias, this.activation ? { activation: this.activation } : {});
  }

  /** The dense weight, 0 where no block is stored. Shape: `[out, in]`. */
  toDense(): Tensor {
    return scatterBlocks(this);
  }

  /** A dense layer that computes the same. The sparse one stays as it is; the bias is copied, or is the one given. */
  toLinear({ bias }: { readonly bias?: Parameter } = {}): Linear {
    return scope(
      () =>
        new Linear(this.inFeatures, this.outFeatures, {
          weight: new Parameter(this.toDense(), { trainable: this.values.trainable }),
          bias: bias ?? copyOf(this.bias) ?? false,
          ...(this.activation ? { activation: this.activation } : {}),
        }),
    );
  }

  /** What sticks out of the matrix is stored, and not learned. */
  protected override elementsOf(parameter: Parameter): number {
    return parameter === this.values ? elementsInside(this.layout, this.shape) : super.elementsOf(parameter);
  }

  override extraRepr(): string {
    const { layout, inFeatures, outFeatures, bias, activation } = this;
    return [
      ...[`inFeatures=${inFeatures}`, `outFeatures=${outFeatures}`, `bias=${bias !== null}`, `blockSize=${layout.blockSize}`],
      `density=${showDensity(layout.density)} (${layout.blocks} of ${layout.rows * layout.cols} blocks)`,
      ...(layout.deadRows().length > 0 ? [`deadRows=${layout.deadRows().length}`] : []),
      ...(layout.deadColumns().length > 0 ? [`deadColumns=${layout.deadColumns().length}`] : []),
      ...(activation ? [`activation="${activation}"`] : []),
    ].join(", ");
  }
}

/** Where a layer's tensors are in a state, and what it does not say. */
export interface FromStateDictOptions {
  readonly prefix?: string;
  readonly activation?: Activation;
  readonly device?: DeviceLike;
  readonly recipe?: PatchRecipe;
}

/** Which blocks of a dense layer stay. */
export interface FromLinearOptions {
  readonly layout: BlockLayout;
  /** In place of a copy of the bias: when the new layer takes the old one's place. */
  readonly bias?: Parameter;
  readonly recipe?: PatchRecipe;
}

interface Draw {
  readonly layout: BlockLayout;
  readonly shape: readonly [number, number];
  readonly device: Backend;
  readonly generator?: Generator;
}

/** 1/√n for n inputs; 0 for none, as torch does. */
const boundOf = (fanIn: number): number => (fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0);

/** Uniform in ±bounds, element by element; +0 where the bound is 0. */
const uniformWithin = (bounds: Tensor, { device, generator }: Draw): Tensor =>
  sub(mul(mul(rand(bounds.shape, { device, ...(generator ? { generator } : {}) }), 2), bounds), bounds);

const initialValues = (draw: Draw): Parameter =>
  scope(() => {
    const { layout, shape, device } = draw;
    return new Parameter(uniformWithin(rowFactors(layout, shape, fanInOfRows(layout, shape).map(boundOf), device), draw));
  });

const initialBias = (draw: Draw): Parameter =>
  scope(() => {
    const { layout, shape, device } = draw;
    const fanIn = fanInOfRows(layout, shape);
    const bounds = Float32Array.from({ length: shape[0] }, (_, o) => boundOf(fanIn[Math.floor(o / layout.blockSize)]!));
    return new Parameter(uniformWithin(Tensor.fromHost(bounds, [shape[0]], "float32", device), draw));
  });

const shared = (name: string, parameter: Parameter, shape: readonly number[]): Parameter => {
  if (!sameShape(parameter.shape, shape))
    throw new ShapeError(`BlockSparseLinear: expected ${name} ${showShape(shape)} for this layer, got ${showShape(parameter.shape)}`);
  return parameter;
};

const copyOf = (parameter: Parameter | null): Parameter | undefined =>
  parameter ? new Parameter(clone(parameter), { trainable: parameter.trainable }) : undefined;

const hostData = (value: Tensor | HostTensor) => (value instanceof Tensor ? value.dataSync() : value.data);

const onDevice = (value: Tensor | HostTensor, device: Backend): Tensor => Tensor.fromHost(hostData(value), value.shape, value.dtype, device, "fromStateDict");

/** The layout in a checkpoint; its numbers come from outside and are checked like any others. */
export const layoutOfState = (
  prefix: string,
  crowIndices: Tensor | HostTensor,
  colIndices: Tensor | HostTensor,
  values: Tensor | HostTensor,
  [outputs, inputs]: readonly [number, number],
): BlockLayout => {
  const [blocks] = colIndices.shape;
  const [, blockSize = 0] = values.shape;
  if (values.dtype !== "float32" || blocks === undefined || !sameShape(values.shape, [blocks, blockSize, blockSize]))
    throw new ShapeError(
      `BlockSparseLinear.fromStateDict: expected "${prefix}values" float32 [n, b, b] for n = ${blocks} colIndices, got ${values.dtype} ${showShape(values.shape)}`,
    );
  if (crowIndices.dtype !== "int32" || colIndices.dtype !== "int32")
    throw new DTypeError(
      `BlockSparseLinear.fromStateDict: expected int32 "${prefix}crowIndices" and "${prefix}colIndices", got ${crowIndices.dtype} and ${colIndices.dtype}`,
    );
  const { rows, cols } = blockGrid("BlockSparseLinear.fromStateDict", [outputs, inputs], blockSize);
  return new BlockLayout({ rows, cols, blockSize, crowIndices: hostData(crowIndices), colIndices: hostData(colIndices) });
};
