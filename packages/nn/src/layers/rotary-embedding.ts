import {
  ArgumentError,
  cat,
  add,
  embedding,
  IndexError,
  mul,
  narrow,
  scope,
  ShapeError,
  sub,
  tensor,
  unsqueeze,
  type DeviceLike,
  type Tensor,
} from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import { Module } from "../module.ts";
import { checkSizes } from "./check-sizes.ts";

/** How frequencies are changed for texts longer than those of the training, by Hugging Face's names of `rope_type`. */
export type RotaryScaling =
  | { readonly type: "linear"; readonly factor: number }
  | {
      readonly type: "llama3";
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxPositionEmbeddings: number;
    };

export interface RotaryEmbeddingOptions {
  /** The base of the wavelengths, which lie between 2π and 2π·theta tokens; 10000 by default. */
  readonly theta?: number | undefined;
  /** Positions 0 … maxPositions − 1 have an angle; 2048 by default. */
  readonly maxPositions?: number | undefined;
  readonly scaling?: RotaryScaling | undefined;
  readonly device?: DeviceLike | undefined;
}

/** Which positions tokens have. */
export interface RotaryPositions {
  /** The position of the first token: with a cache, its length. 0 by default. */
  readonly offset?: number | undefined;
  /** In place of positions that count up. Shape: `[batch, tokens]`, int32. */
  readonly positionIds?: Tensor | undefined;
}

/** Cosines and sines of the angles of some tokens: `[1, tokens, 1, dim/2]`, or `[batch, tokens, 1, dim/2]` for positions of their own. */
export interface Rotation {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/**
 * Rotary position embedding: feature i and feature i + dim/2 of a head are a point that is turned by `position · theta^(−2i/dim)`, so that
 * the product of a query and a key depends on how far apart they are. Angles are float32 as in Hugging Face's Llama. Nothing to learn,
 * nothing in checkpoints.
 *
 * Shape: x `[batch, tokens, heads, dim]` → same. See {@link https://arxiv.org/abs/2104.09864 Su et al. 2021}.
 *
 * @throws ArgumentError unless `dim` is even. @throws IndexError when a position has no angle.
 * @example
 * const rotary = new RotaryEmbedding(64);
 * rotary.forward(randn([2, 10, 4, 64])).shape; // [2, 10, 4, 64]
 */
export class RotaryEmbedding extends Module {
  readonly dim: number;
  readonly theta: number;
  readonly maxPositions: number;
  readonly scaling: RotaryScaling | null;
  cos: Tensor; // [maxPositions, dim/2]
  sin: Tensor; // [maxPositions, dim/2]

  constructor(dim: number, { theta = 10000, maxPositions = 2048, scaling, device }: RotaryEmbeddingOptions = {}) {
    super();
    checkSizes("RotaryEmbedding", { dim, maxPositions });
    if (dim % 2 !== 0 || dim === 0)
      throw new ArgumentError(`RotaryEmbedding: expected an even dim from 2 up, got ${dim}`);
    if (!(theta > 0 && Number.isFinite(theta)))
      throw new ArgumentError(`RotaryEmbedding: theta is a number > 0, got ${theta}`);
    this.dim = dim;
    this.theta = theta;
    this.maxPositions = maxPositions;
    this.scaling = scaling ?? null;
    const frequencies = frequenciesOf(dim, theta, scaling);
    const half = dim / 2;
    const table = (of: (angle: number) => number): Tensor => {
      const values = new Float32Array(maxPositions * half);
      for (let p = 0; p < maxPositions; p++)
        for (let i = 0; i < half; i++) values[p * half + i] = of(Math.fround(p * frequencies[i]!));
      return this.buffer(tensor(values, [maxPositions, half], { device }), { persistent: false });
    };
    this.cos = table(Math.cos);
    this.sin = table(Math.sin);
  }

  /** The angles of `tokens` tokens: computed once, and shared by all layers and by queries and keys. */
  rotation(tokens: number, { offset = 0, positionIds }: RotaryPositions = {}): Rotation {
    if (positionIds) {
      if (positionIds.ndim !== 2 || positionIds.size(1) !== tokens)
        throw new ShapeError(
          `RotaryEmbedding: expected positionIds [batch, ${tokens}], got ${showShape(positionIds.shape)}`,
        );
      return scope(() => ({
        cos: unsqueeze(embedding(positionIds, this.cos), 2),
        sin: unsqueeze(embedding(positionIds, this.sin), 2),
      }));
    }
    if (offset + tokens > this.maxPositions)
      throw new IndexError(
        `RotaryEmbedding: expected positions below ${this.maxPositions}, got ${offset + tokens - 1}; raise maxPositions, or shorten the text`,
      );
    const part = (table: Tensor): Tensor => unsqueeze(unsqueeze(narrow(table, 0, offset, tokens), 1), 0);
    return scope(() => ({ cos: part(this.cos), sin: part(this.sin) }));
  }

  forward(x: Tensor, positions: RotaryPositions = {}): Tensor {
    if (x.ndim !== 4 || x.size(3) !== this.dim)
      throw new ShapeError(
        `RotaryEmbedding: expected [batch, tokens, heads, ${this.dim}], got ${showShape(x.shape)}; reshape or transpose`,
      );
    return rotate(x, this.rotation(x.size(1), positions));
  }

  override extraRepr(): string {
    const scaling = this.scaling ? `, scaling="${this.scaling.type}"` : "";
    return `${this.dim}, theta=${this.theta}, maxPositions=${this.maxPositions}${scaling}`;
  }
}

/**
 * Turns features by angles: `(x₁ cos − x₂ sin, x₂ cos + x₁ sin)` for the halves x₁ and x₂ of each head.
 *
 * Shape: x `[batch, tokens, heads, dim]` → same.
 */
export const rotate = (x: Tensor, { cos, sin }: Rotation): Tensor =>
  scope(() => {
    const half = x.size(3) / 2;
    const [first, second] = [narrow(x, 3, 0, half), narrow(x, 3, half, half)];
    return cat([sub(mul(first, cos), mul(second, sin)), add(mul(second, cos), mul(first, sin))], 3);
  });

/** Radians a token, for each pair of features. */
const frequenciesOf = (dim: number, theta: number, scaling: RotaryScaling | undefined): Float32Array => {
  const plain = Float32Array.from({ length: dim / 2 }, (_, i) => 1 / theta ** ((2 * i) / dim));
  if (!scaling) return plain;
  if (scaling.type === "linear") return plain.map((frequency) => frequency / scaling.factor);
  const { factor, lowFreqFactor: low, highFreqFactor: high, originalMaxPositionEmbeddings: length } = scaling;
  return plain.map((frequency) => {
    const turns = (length * frequency) / (2 * Math.PI);
    // Slow ones are stretched, fast ones stay, and those between are mixed.
    const kept = Math.min(Math.max((turns - low) / (high - low), 0), 1);
    return (1 - kept) * (frequency / factor) + kept * frequency;
  });
};
