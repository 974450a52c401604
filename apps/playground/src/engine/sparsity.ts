import type { CriterionName } from "@tessera/sparse";

/** Which layers a change of sparsity is for: by what they do, or one by its path. */
export const patterns = {
  usual: {
    title: "Feed-forward and attention output",
    matches: /\.(intermediate\.dense|output\.dense|attention\.output\.dense)$/,
  },
  feedForward: {
    title: "Feed-forward only",
    matches: /\.layer\.[0-9]+\.(intermediate|output)\.dense$/,
  },
  attention: {
    title: "Attention only",
    matches: /\.attention\.(self\.(query|key|value)|output\.dense)$/,
  },
  everything: { title: "Every linear layer", matches: /./ },
} as const;

export type PatternName = keyof typeof patterns;

/** How blocks are chosen when a layer loses some: every criterion that `@tessera/sparse` knows, in the words of the page. */
export const criterionTitles = {
  magnitude: "Largest weights",
  magnitudeL1: "Largest weights, by their sum",
  taylor: "Weight × gradient (Taylor)",
  fisher: "Curvature (diagonal Fisher)",
  activationWeighted: "Weights × inputs (Wanda)",
  movement: "Growing away from zero (movement)",
  random: "Any: the control",
} as const satisfies { readonly [K in CriterionName]: string };

/** What happens to the blocks after "Patch now". */
export const methods = {
  once: { title: "Once", says: "Blocks go now; those that stay keep training where they are." },
  gradual: { title: "Gradually", says: "The density falls along a cubic curve over the steps below." },
  set: { title: "SET", says: "Every few steps the weakest blocks die and as many grow at random." },
  rigl: { title: "RigL", says: "Every few steps the weakest blocks die; new ones grow where the gradient is largest." },
} as const;

export type MethodName = keyof typeof methods;

/** What the controls of sparsity say. */
export interface Sparsity {
  /** A row of `patterns`, or the path of one layer. */
  readonly pattern: string;
  readonly density: number;
  readonly blockSize: number;
  readonly criterion: CriterionName;
  readonly method: MethodName;
  /** Steps of a gradual schedule. */
  readonly over: number;
  /** Steps between changes. */
  readonly every: number;
  /** The share of blocks that move at each change. */
  readonly fraction: number;
  /** Whether a dense copy goes on training beside, on the same batches. */
  readonly twin: boolean;
}

export const defaultSparsity: Sparsity = {
  pattern: "usual",
  density: 0.5,
  blockSize: 8,
  criterion: "magnitude",
  method: "once",
  over: 300,
  every: 50,
  fraction: 0.1,
  twin: true,
};

export const blockSizes = [4, 8, 16, 32] as const;

/** Whether a rule is for a layer. */
export const isFor = (pattern: string, layer: string): boolean =>
  Object.hasOwn(patterns, pattern) ? patterns[pattern as PatternName].matches.test(layer) : pattern === layer;
