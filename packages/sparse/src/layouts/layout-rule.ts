import type { BlockMask } from "../block-layout.ts";

/** A layer whose blocks are to be placed. */
export interface LayoutRequest {
  /** Its path in the model. */
  readonly name: string;
  /** `[out, in]` */
  readonly shape: readonly [number, number];
  readonly blockSize: number;
  /** Rows and columns of blocks. */
  readonly rows: number;
  readonly cols: number;
  /** What was asked for. */
  readonly density: number;
  /** How many blocks that is, at least one for each row and column. */
  readonly blocks: number;
  /** Whether every row of blocks keeps the same number (±1). */
  readonly balanced: boolean;
  readonly seed: number;
  /** How much each block matters, by the criterion: rows × columns in row-major order. Reads the weight when it is called. */
  readonly scores: () => ArrayLike<number>;
}

/** Says which blocks of a layer are stored. */
export interface LayoutRule {
  /** For reports and checkpoints. */
  readonly name: string;
  /** Whether it has a density of its own, and is asked for none. */
  readonly setsDensity?: boolean | undefined;
  /** 1 where a block is, rows × columns of them. */
  mask(request: LayoutRequest): BlockMask;
}
