import type { Configuration } from "./configuration.ts";
import type { Sparsity } from "./sparsity.ts";

/** The blocks of one layer. All lists are rows × cols of blocks, row by row. Shape of the weight: `[out, in]`. */
export interface LayerBlocks {
  readonly name: string;
  readonly shape: readonly [out: number, inputs: number];
  readonly rows: number;
  readonly cols: number;
  readonly blockSize: number;
  readonly sparse: boolean;
  /** 1 where a block is stored. */
  readonly mask: Uint8Array<ArrayBuffer>;
  /** Euclidean norm of each block's weights; 0 where none is. */
  readonly norms: Float32Array<ArrayBuffer>;
  /** Euclidean norm of each block's gradient, as the optimiser remembers it. */
  readonly gradients: Float32Array<ArrayBuffer>;
  /** The step at which the block grew; −1 for those that were always there. */
  readonly born: Int32Array<ArrayBuffer>;
}

/** A step of the model or of its dense twin. */
export interface StepPoint {
  readonly step: number;
  readonly loss: number;
  /** Time of this step alone. */
  readonly ms: number;
}

/** Loss on texts that are not trained on. */
export interface HeldOutPoint {
  readonly step: number;
  readonly loss: number;
  readonly twin: number | null;
}

/** What changed the curve at a step. */
export interface Mark {
  readonly step: number;
  readonly text: string;
}

export interface Guess {
  readonly token: string;
  readonly probability: number;
}

/** What the model makes of a sentence. */
export interface Reading {
  readonly tokens: readonly string[];
  /** Of the chosen head, token × token. */
  readonly attention: Float32Array<ArrayBuffer>;
  /** Where the gap is among the tokens; −1 without one. */
  readonly gap: number;
  readonly guesses: readonly Guess[];
}

/** What the visitor looks at. */
export interface Gaze {
  readonly sentence: string;
  readonly layer: number;
  readonly head: number;
  /** Block size in which layers that are dense are drawn. */
  readonly blockSize: number;
}

export interface MemoryUse {
  /** Live tensors on the device. */
  readonly bytes: number;
  readonly peakBytes: number;
  /** Of the model's weights and indices. */
  readonly weights: number;
  /** What the optimiser remembers. */
  readonly optimizer: number;
}

/** What is true of a model from its opening on, or from a patch on. */
export interface ModelFacts {
  readonly parameters: number;
  /** Before any patch. */
  readonly denseParameters: number;
  readonly layers: number;
  readonly heads: number;
  readonly vocab: number;
  readonly hidden: number;
  readonly threads: number;
  readonly device: string;
  readonly canUndo: boolean;
  readonly twin: boolean;
  readonly step: number;
  readonly tokensPerStep: number;
}

export interface SweepOptions {
  readonly densities: readonly number[];
  readonly blockSize: number;
  /** Steps that each cell may train after its patch. */
  readonly recover: number;
}

export interface SweepCell {
  readonly layer: string;
  readonly density: number;
  /** Held-out loss after recovery, minus that of the dense model after as many steps. */
  readonly added: number;
}

/** Why the engine stopped. */
export type ProblemKind = "lost-gpu" | "no-gpu" | "memory" | "not-finite" | "no-simd" | "other";

/** What the worker says by itself. */
export type Report =
  | { readonly type: "opening"; readonly stage: string; readonly share: number | null }
  | {
      readonly type: "steps";
      readonly points: readonly StepPoint[];
      readonly twin: readonly StepPoint[];
      readonly heldOut: readonly HeldOutPoint[];
      readonly marks: readonly Mark[];
    }
  | { readonly type: "facts"; readonly facts: ModelFacts; readonly memory: MemoryUse }
  | { readonly type: "mosaic"; readonly step: number; readonly layers: readonly LayerBlocks[] }
  | { readonly type: "reading"; readonly reading: Reading }
  | { readonly type: "state"; readonly state: "training" | "paused" | "sweeping" }
  | { readonly type: "cell"; readonly cell: SweepCell }
  | {
      readonly type: "sweep";
      readonly done: number;
      readonly of: number;
      readonly state: "running" | "paused" | "ended";
    }
  | { readonly type: "problem"; readonly kind: ProblemKind; readonly message: string }
  | { readonly type: "keep"; readonly files: FileMap };

/** Files of a saved run, by name. */
export type FileMap = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

export interface OpenOptions {
  readonly configuration: Configuration;
  readonly ownText: string | null;
  /** Goes on from here instead. */
  readonly files: FileMap | null;
  /** Where the page lies. */
  readonly base: string;
  readonly gaze: Gaze;
}

export interface Histogram {
  readonly layer: string;
  readonly from: number;
  readonly to: number;
  /** Weights in each of equal stretches between the two. */
  readonly counts: readonly number[];
  readonly mean: number;
  readonly deviation: number;
  readonly stored: number;
}

/** What the page may ask of the worker. */
export interface Engine {
  open(options: OpenOptions): Promise<void>;
  train(): Promise<void>;
  pause(): Promise<void>;
  look(gaze: Gaze): Promise<void>;
  setRate(lr: number): Promise<void>;
  patch(sparsity: Sparsity): Promise<void>;
  undo(): Promise<void>;
  dropTwin(): Promise<void>;
  histogram(layer: string): Promise<Histogram>;
  save(format: "sparse" | "dense"): Promise<FileMap>;
  sweep(options: SweepOptions): Promise<void>;
  steerSweep(what: "pause" | "resume" | "cancel"): Promise<void>;
}

export type Command = {
  [K in keyof Engine]: { readonly id: number; readonly name: K; readonly args: Parameters<Engine[K]> };
}[keyof Engine];

/** The answer to a command. */
export type Answer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: string };
