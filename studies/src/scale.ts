/** How large everything is: that of the studies, or tiny, to see that all of it runs. */
export interface Scale {
  readonly hidden: number;
  readonly narrow: readonly number[];
  readonly heads: number;
  readonly depth: number;
  readonly depths: readonly number[];
  readonly vocabSize: number;
  /** Tokens of a pre-training, of one that goes on, and of the demo's. */
  readonly tokens: number;
  readonly moreTokens: number;
  readonly demoTokens: number;
  /** Steps of recovery by the masked-LM loss. */
  readonly recovery: number;
  /** Steps of fine-tuning with few labels, and with many. */
  readonly finetuning: number;
  readonly longFinetuning: number;
  /** Few and many labels a class. */
  readonly labels: readonly [number, number];
  /** Seeds of headline rows, and of others. */
  readonly seeds: number;
  readonly otherSeeds: number;
  /** Texts read, glosses of a class, blocks and texts tested on; all there are unless given. */
  readonly texts?: number;
  readonly perClass: number;
  readonly heldOut?: number;
  /** Batches that a criterion looks at. */
  readonly calibration: number;
  readonly blockSizes: readonly number[];
}

export const full: Scale = {
  hidden: 128,
  narrow: [96, 64],
  heads: 4,
  depth: 4,
  depths: [2, 6],
  vocabSize: 4096,
  tokens: 10_000_000,
  moreTokens: 1_500_000,
  demoTokens: 2_200_000,
  recovery: 200,
  finetuning: 300,
  longFinetuning: 600,
  labels: [50, 400],
  seeds: 5,
  otherSeeds: 3,
  perClass: 2500,
  calibration: 16,
  blockSizes: [8, 16, 32, 64],
};

export const tiny: Scale = {
  ...full,
  hidden: 32,
  narrow: [16],
  depth: 1,
  depths: [2],
  vocabSize: 512,
  tokens: 4096,
  moreTokens: 2048,
  demoTokens: 2048,
  recovery: 3,
  finetuning: 4,
  longFinetuning: 6,
  labels: [4, 8],
  seeds: 2,
  otherSeeds: 2,
  texts: 1500,
  perClass: 20,
  heldOut: 8,
  calibration: 2,
  blockSizes: [8, 16, 32],
};
