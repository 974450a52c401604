import type { Gradients } from "@tessera/autograd";
import type { HostTensor, Tensor } from "@tessera/tensor";
import type { Module } from "./module.ts";
import type { Optimizer } from "./optim/optimizer.ts";
import type { LoadableState } from "./state-dict.ts";

/** A training as its callbacks see it. */
export interface TrainingContext {
  readonly model: Module;
  readonly optimizer: Optimizer;
  /** Steps that were taken. */
  readonly step: number;
  /** Of the whole training. */
  readonly steps: number;
  /** Writes a line of the training's log, if it keeps one: numbers, texts and lists of them. */
  readonly log: (event: string, entry: { readonly [name: string]: unknown }) => Promise<void>;
  /** Ends the training after this step, as finished; the reason is in its result. */
  readonly stop: (reason: string) => void;
  /** Loads a state of the model, of whatever layout: callbacks that change the model's form give it that of the state first. */
  readonly loadModel: (state: LoadableState) => void;
}

/** What a callback keeps in a checkpoint: plain JSON, and tensors by name. */
export interface CallbackState {
  readonly json: unknown;
  readonly tensors: ReadonlyMap<string, Tensor | HostTensor>;
}

/**
 * Something that happens beside the steps of a training: it sees them, may change the model and the optimiser between them, and is saved
 * and resumed with them. A `Trainer` calls it; a loop of your own may do the same. What it draws from generators is none of the
 * training's numbers.
 *
 * {@link https://huggingface.co/docs/transformers/main_classes/callback Hugging Face's TrainerCallback}
 */
export interface TrainingCallback {
  /** What its state is saved under: each callback of a training has its own. */
  readonly name: string;
  /** Before the first step of a process, and before a checkpoint is loaded. @throws when it does not fit the model. */
  onStart?(context: TrainingContext): void | Promise<void>;
  /** Before the first step of a process, after a checkpoint was loaded. */
  onBegin?(context: TrainingContext): void | Promise<void>;
  /** Before a state is loaded into the model: gives the model its form. */
  onLoadModel?(state: LoadableState, context: TrainingContext): void;
  /** Before the batches of a step are drawn. */
  onStepBegin?(context: TrainingContext): void;
  /** Between the gradients of a step, with the clip in their `scale`, and its update: inside the step's scope, and synchronous. */
  onGradients?(gradients: Gradients, context: TrainingContext): void;
  /** After an update. */
  onStepEnd?(context: TrainingContext): void | Promise<void>;
  /** After an evaluation, with its numbers. */
  onEvaluate?(metrics: Readonly<Record<string, number>>, context: TrainingContext): void | Promise<void>;
  /** After the last step, when the training is finished and saved. */
  onEnd?(context: TrainingContext): void | Promise<void>;
  /** What the next steps depend on, beside the model and the optimiser. */
  stateDict?(): CallbackState;
  /** Goes on where another one stood; the model has its form by then, and not yet its numbers. */
  loadStateDict?(state: CallbackState, context: TrainingContext): void;
  /** When a process of a training ends, after errors too: takes down what it put up. */
  onStop?(): void;
  /** Frees what it holds; like an optimiser's, that is the caller's to do. */
  dispose?(): void;
}
