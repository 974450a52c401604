import { TesseraError } from "@tessera/tensor";

/** A training that cannot go on. What had been saved is still there. */
export class TrainingError extends TesseraError {
  override name = "TrainingError";

  constructor(
    message: string,
    /** The step that failed, from 1; 0 before the first. */
    readonly step: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * A loss or a gradient that is infinite or no number. Neither this step nor those that were launched before it was known changed the
 * model or the moments of the optimiser; the checkpoint was not written since.
 */
export class NonFiniteError extends TrainingError {
  override name = "NonFiniteError";

  constructor(step: number, loss: number, gradNorm: number) {
    const what = Number.isFinite(loss) ? `norm of the gradients became ${gradNorm}` : `loss became ${loss}`;
    super(
      `Trainer: expected finite numbers, the ${what} at step ${step}; that step changed nothing and the last checkpoint is kept; lower the learning rate, or clip with maxGradNorm`,
      step,
    );
  }
}
