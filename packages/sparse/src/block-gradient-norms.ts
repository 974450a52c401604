import { defineVjps, rule, vjp } from "@tessera/autograd";
import type { Module } from "@tessera/nn";
import { add, ArgumentError, cat, gelu, keep, relu, scope, square, sum, Tensor } from "@tessera/tensor";
import { defineOp, run, withRecorder } from "@tessera/tensor/extend";
import { blockIndex, matrixOf } from "./block-index.ts";
import { BlockLayout } from "./block-layout.ts";
import type { BlockSparseLinear } from "./block-sparse-linear.ts";
import { blockSparseLinear, sddOp } from "./ops/block-matmul/block-matmul.ts";
import { sparseLayersOf, type LayerChoice } from "./sparse-layers.ts";

/** What is told of a gradient on its way back. */
type Sink = (dy: Tensor, x: Tensor) => void;

/** y itself. On the way back, `sink` sees dy and x. */
const tapOp = defineOp<{ inputs: [y: Tensor, x: Tensor]; outputs: [y: Tensor]; attrs: { readonly sink: Sink } }>({
  name: "tap",
  family: "copies",
  infer: ([y]) => [y],
  kernels: { view: ({ shape, strides, offset, dtype }) => ({ shape, strides, offset, dtype }) },
});

defineVjps(
  { tapOp },
  {
    tap: rule({
      reads: ({ inputs: [, x] }) => ({ x }),
      vjp: ([dy], { x, attrs: { sink } }) => {
        sink(dy, x);
        return [dy, null];
      },
    }),
  },
);

/** Elements of one chunk of blocks: a mebibyte. */
const CHUNK_ELEMENTS = 2 ** 18;

/**
 * Sees the gradients of a layer's output on their way back, and makes of them the squares of the weight's gradient in every block that is not
 * stored: a chunk of blocks at a time, of which only the sums stay.
 */
class MissingBlocks {
  private readonly layer: BlockSparseLinear;
  private readonly chunks: readonly BlockLayout[];
  /** Places of the blocks that are not stored, in the order of the chunks. */
  private readonly places: readonly number[];
  private readonly unhook: () => void;
  /** Σ g² of each of them. Shape: `[missing]`. */
  private squares: Tensor | null = null;

  constructor(layer: BlockSparseLinear, chunkElements: number) {
    this.layer = layer;
    const { rows, cols, blockSize: b } = layer.layout;
    const stored = layer.layout.mask();
    this.places = Array.from(stored.keys()).filter((at) => !stored[at]);
    const size = Math.max(1, Math.floor(chunkElements / b ** 2));
    this.chunks = Array.from({ length: Math.ceil(this.places.length / size) }, (_, i) => {
      const mask = new Uint8Array(rows * cols);
      for (const at of this.places.slice(i * size, (i + 1) * size)) mask[at] = 1;
      return BlockLayout.fromMask(mask, rows, cols, b);
    });
    this.unhook = layer.registerForwardHook((_, [x], y) =>
      this.chunks.length > 0 && x instanceof Tensor && y instanceof Tensor
        ? run(tapOp, [y, x], { sink: (dy, seen) => this.take(dy, seen) })[0]
        : y,
    );
  }

  /** ‖g‖₂ of each block, 0 where it is stored; `null` when no gradient came by. */
  async norms(): Promise<Float64Array | null> {
    const { rows, cols } = this.layer.layout;
    const norms = new Float64Array(rows * cols);
    if (this.places.length === 0) return norms;
    if (!this.squares) return null;
    const squares = await this.squares.data();
    for (const [i, at] of this.places.entries()) norms[at] = Math.sqrt(squares[i]!);
    return norms;
  }

  dispose(): void {
    this.unhook();
    this.squares?.dispose();
    this.squares = null;
  }

  private take(dy: Tensor, x: Tensor): void {
    const { shape, values } = this.layer;
    const squares = withRecorder(null, () =>
      scope(() => {
        const dpre = this.beforeActivation(dy, x);
        const sums = this.chunks.map((chunk) =>
          scope(() => {
            const index = blockIndex(chunk, shape, values.device);
            return sum(square(run(sddOp, [dpre, x, index.index], matrixOf(index))[0]), { dim: [1, 2] });
          }),
        );
        const all = cat(sums);
        return this.squares ? add(this.squares, all) : all;
      }),
    );
    this.squares?.dispose();
    this.squares = keep(squares);
  }

  /** dL/d(x Wᵀ + b), of dL/d of what the activation makes of it. */
  private beforeActivation(dy: Tensor, x: Tensor): Tensor {
    const { activation, bias } = this.layer;
    if (!activation) return dy;
    const apply = (pre: Tensor): Tensor =>
      activation === "relu" ? relu(pre) : gelu(pre, { approximate: activation === "gelu" ? "none" : "tanh" });
    return scope(() => vjp(apply, blockSparseLinear(x, this.layer, bias)).pullback(dy)[0]!);
  }
}

export interface GradientNormOptions {
  /** Which block-sparse layers; all of them, unless given. */
  readonly layers?: LayerChoice;
  /** How many elements of gradient are made at a time; 2¹⁸ unless said otherwise, a mebibyte. */
  readonly chunkElements?: number | undefined;
}

/**
 * Watches for the gradients of blocks that are not stored, from when it is made until it is disposed of. Gradients of several backward passes
 * add up by their squares.
 */
export class BlockGradientWatch {
  private readonly watched: ReadonlyMap<string, MissingBlocks>;

  constructor(layers: ReadonlyMap<string, BlockSparseLinear>, chunkElements = CHUNK_ELEMENTS) {
    if (!(chunkElements >= 1))
      throw new ArgumentError(`blockGradientNorms: expected chunkElements from 1 up, got ${chunkElements}`);
    this.watched = new Map([...layers].map(([name, layer]) => [name, new MissingBlocks(layer, chunkElements)]));
  }

  /** ‖dL/dW‖₂ of each block by the paths of layers, 0 where it is stored. @throws ArgumentError when a layer was not walked back through. */
  async norms(): Promise<Map<string, Float64Array>> {
    const found = new Map<string, Float64Array>();
    for (const [name, missing] of this.watched) {
      const norms = await missing.norms();
      if (!norms)
        throw new ArgumentError(
          `blockGradientNorms: expected a backward pass through "${name}", there was none; is the layer used, and trainable?`,
        );
      found.set(name, norms);
    }
    return found;
  }

  dispose(): void {
    for (const missing of this.watched.values()) missing.dispose();
  }
}

/**
 * How large the gradient of a dense weight would be in each block that is not stored, ‖dL/dW‖₂: where RigL lets blocks grow. No dense gradient is ever
 * held. On its way back each layer's output gradient meets the layer's input in a chunk of the missing blocks at a time (`sdd`), and the sum of
 * squares is all that stays.
 *
 * {@link https://arxiv.org/abs/1911.11134 Evci et al. 2020}
 *
 * @param compute runs forward and backward; with several backward passes, their gradients add up by their squares
 * @returns rows × columns of blocks in row-major order by the paths of layers, 0 where a block is stored
 * @throws ArgumentError when there is no block-sparse layer, or one is not walked back through.
 * @example
 * const norms = await blockGradientNorms(model, () => lossAndGrads(batch).grads.dispose());
 * await regrow(layer, { fraction: 0.1, grow: norms.get("fc") }, optimizer);
 */
export const blockGradientNorms = async (
  model: Module,
  compute: () => unknown,
  { layers, chunkElements }: GradientNormOptions = {},
): Promise<Map<string, Float64Array>> => {
  const watch = new BlockGradientWatch(sparseLayersOf("blockGradientNorms", model, layers), chunkElements);
  try {
    compute();
    return await watch.norms();
  } finally {
    watch.dispose();
  }
};
