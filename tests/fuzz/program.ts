/** One case that went wrong: with its program, seed and index it can be run again, alone. */
export interface Failure {
  readonly index: number;
  /** What was given. */
  readonly what: string;
  /** What came of it. */
  readonly why: string;
}

export interface FuzzOptions {
  readonly seed: number;
  /** The first case, and the one behind the last. */
  readonly from: number;
  readonly to: number;
  readonly onFailure: (failure: Failure) => void;
}

/** What a run has seen: counts by name. */
export type Tally = Readonly<Record<string, number>>;

/** A kind of fuzzing: cases are numbered, and each follows from the seed and its number alone. */
export interface FuzzProgram {
  readonly summary: string;
  run(options: FuzzOptions): Promise<Tally>;
}
