/** A batch on its way to the device. */
export interface TrainingBatch<Inputs> {
  /** What the model's `forward` is given. Tensors made by `next()` are freed when the step ends. */
  inputs: Inputs;
  /** How many tokens it holds, for the speed that progress shows. */
  tokens: number;
  /**
   * How many labels the loss is the mean of: by them batches of one step weigh. Where it is left out, what `inputs.labels` holds is
   * counted on the device; batches without such a tensor weigh alike.
   */
  labelCount?: number;
}

/**
 * Where batches come from: endless, and able to say in JSON where it stands. A source that loads a state gives the very
 * batches that the other would have given next.
 */
export interface BatchSource<Inputs> {
  /** Synchronous: it runs inside the step's scope. */
  next(): TrainingBatch<Inputs>;
  readonly state: unknown;
  load(state: unknown): void;
}
