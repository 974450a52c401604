import { CommandError } from "../terminal/command-error.ts";

/**
 * Checks the numbers of a tensor.
 *
 * @throws {CommandError} that names the tensor and its first number that is infinite or NaN
 */
export const checkFinite = (data: ArrayLike<number>, name: string, place: string, advice: string): void => {
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) continue;
    throw new CommandError(`${place}: ${name}: expected finite numbers, got ${data[i]} at ${i}; ${advice}`);
  }
};

/** Checks the loss of an evaluation. @throws {CommandError} if it is infinite or NaN */
export const checkLoss = <Metrics extends { loss: number }>(found: Metrics): Metrics => {
  if (Number.isFinite(found.loss)) return found;
  throw new CommandError(
    `evaluation: expected a finite loss, got ${found.loss}; the weights are too large: train with a lower --lr`,
  );
};
