import { dispose, stack, Tensor } from "@tessera/tensor";
import type { LabelCount } from "./count-labels.ts";

/** Steps whose numbers may stay on the device: the host runs no further ahead, and a training that broke is soon stopped. */
const MAX_UNREAD = 32;

/** A step that was launched; its numbers may still be computed. */
export interface LaunchedStep {
  readonly step: number;
  readonly lr: number;
  readonly tokens: number;
  /** The loss of each batch. Shape: []. The step owns them, and the norm. */
  readonly losses: readonly Tensor[];
  /** The norm of its gradient. Shape: []. */
  readonly norm: Tensor;
  /** How many labels its batches have. */
  readonly labels: LabelCount;
}

/** A step whose numbers have come. */
export interface StepNumbers {
  readonly step: number;
  readonly lr: number;
  readonly tokens: number;
  /** The sum over its batches. */
  readonly loss: number;
  readonly gradNorm: number;
  /** How many labels its batches have; `null` where nothing is known of them. */
  readonly labels: number | null;
}

/** Numbers of several steps on their way to the host. */
interface Reading {
  /** With how many numbers each sent: a loss for each batch, the norm, and the labels where they were counted on the device. */
  readonly steps: readonly (Omit<LaunchedStep, "losses" | "norm"> & {
    readonly batches: number;
    readonly sent: number;
  })[];
  readonly values: Promise<readonly number[]>;
}

/**
 * Losses and norms on their way from the device. They stay there step after step, and many are read as one tensor: no step waits for
 * the device, and the device for no step.
 */
export class StepNumbersQueue {
  private readonly unread: LaunchedStep[] = [];
  private readonly readings: Reading[] = [];

  push(step: LaunchedStep): void {
    this.unread.push(step);
    if (this.unread.length >= MAX_UNREAD) this.read();
  }

  /** Sends for the numbers that are still on the device. */
  read(): void {
    if (this.unread.length === 0) return;
    const steps = this.unread.splice(0);
    const tensors = steps.flatMap(tensorsOf);
    try {
      const values = valuesOf(tensors);
      // A rejection is thrown when it is due; something else may have failed before that.
      values.catch(() => undefined);
      this.readings.push({
        steps: steps.map((launched) => {
          const { step, lr, tokens, labels, losses } = launched;
          return { step, lr, tokens, labels, batches: losses.length, sent: tensorsOf(launched).length };
        }),
        values,
      });
    } finally {
      dispose(tensors);
    }
  }

  /** Takes out the numbers that were sent for up to a step, in order; waits for them. */
  async take(upTo: number): Promise<StepNumbers[]> {
    const taken: StepNumbers[] = [];
    while (this.readings[0] && this.readings[0].steps.at(-1)!.step <= upTo) {
      const { steps, values } = this.readings.shift()!;
      const numbers = await values;
      let at = 0;
      for (const { step, lr, tokens, labels, batches, sent } of steps) {
        const loss = numbers.slice(at, at + batches).reduce((total, one) => total + one, 0);
        const counted = labels instanceof Tensor ? numbers[at + sent - 1]! : labels;
        taken.push({ step, lr, tokens, labels: counted, loss, gradNorm: numbers[at + batches]! });
        at += sent;
      }
    }
    return taken;
  }

  /** Forgets all of them. */
  clear(): void {
    dispose(this.unread.splice(0).flatMap(tensorsOf));
    this.readings.length = 0;
  }
}

/** What a step sends, in order. */
const tensorsOf = ({ losses, norm, labels }: LaunchedStep): Tensor[] => [
  ...losses,
  norm,
  ...(labels instanceof Tensor ? [labels] : []),
];

/** The values of 0-d tensors: at once where a device allows that, else all in one reading. */
const valuesOf = async (tensors: readonly Tensor[]): Promise<readonly number[]> => {
  if (tensors[0]!.device.readSync) return tensors.map((x) => x.itemSync());
  const all = stack(tensors);
  const values = all.data();
  all.dispose();
  return Array.from(await values);
};
