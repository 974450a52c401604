import type { LogEntry } from "@tessera/models/training";

/** Camel case to the names of transformers: `gradNorm` is `grad_norm`. */
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Names that transformers has others for. */
const renamed: Readonly<Record<string, string>> = { lr: "learning_rate" };

/** Facts that transformers keeps once. */
const ONCE = new Set(["event", "step", "steps", "etaSeconds", "seconds", "layers", "callback"]);

export interface TrainerStateFacts {
  readonly steps: number;
  readonly batchSize: number;
  readonly loggingSteps: number;
  readonly evalSteps?: number | undefined;
  /** Of texts or blocks, for the epoch. */
  readonly examples: number;
}

/**
 * The log as the `trainer_state.json` that Hugging Face's Trainer keeps, for tools that draw it.
 *
 * {@link https://huggingface.co/docs/transformers/main_classes/callback#transformers.TrainerState TrainerState}
 */
export const toTrainerState = (entries: readonly LogEntry[], facts: TrainerStateFacts): object => {
  const { steps, batchSize, examples, loggingSteps, evalSteps } = facts;
  const epochOf = (step: number): number => (step * batchSize) / examples;
  const history = entries
    .filter(({ event }) => event === "train" || event === "eval" || event === "sparsity")
    .map((entry) => {
      const { event, step } = entry;
      const prefix = event === "eval" ? "eval_" : event === "sparsity" ? "sparsity_" : "";
      const numbers = Object.entries(entry)
        .filter(([name]) => !ONCE.has(name))
        .map(([name, value]) => [`${prefix}${renamed[name] ?? snake(name)}`, value] as const);
      return { ...Object.fromEntries(numbers), epoch: epochOf(step), step };
    });
  const best = entries.findLast(({ event }) => event === "best");
  const last = entries.reduce((max, { step }) => Math.max(max, step), 0);
  return {
    best_global_step: best?.["at"] ?? null,
    best_metric: best?.["value"] ?? null,
    best_model_checkpoint: null,
    epoch: epochOf(last),
    eval_steps: evalSteps ?? null,
    global_step: last,
    is_hyper_param_search: false,
    is_local_process_zero: true,
    is_world_process_zero: true,
    log_history: history,
    logging_steps: loggingSteps,
    max_steps: steps,
    num_input_tokens_seen: 0,
    num_train_epochs: Math.ceil(epochOf(steps)),
    save_steps: null,
    stateful_callbacks: {},
    total_flos: 0,
    train_batch_size: batchSize,
    trial_name: null,
    trial_params: null,
  };
};
