import type { Optimizer, ScheduleState, TrainingContext } from "@tessera/nn";
import type { Gradients } from "@tessera/autograd";
import { defaultGenerator, type Generator, type GeneratorState } from "@tessera/tensor";
import { fusesMultiplyAdd } from "@tessera/tensor/extend";
import type { FileStore } from "../hub/file-store.ts";
import { openFolder } from "../hub/open-folder.ts";
import { CallbackList } from "./callback-list.ts";
import { readCheckpoint, writeCheckpoint, type TrainingState } from "./checkpoint.ts";
import { StepNumbersQueue, type LaunchedStep } from "./step-numbers.ts";
import { EventLoopYield, Stopwatch } from "./stopwatch.ts";
import {
  checkOptions,
  type TrainerOptions,
  type TrainingProgress,
  type TrainingResult,
  type TrainOptions,
} from "./trainer-options.ts";
import { NonFiniteError, TrainingError } from "./training-error.ts";
import { TrainingLog } from "./training-log.ts";
import { TrainingStep } from "./training-step.ts";

/** The file that holds a training. */
export const CHECKPOINT_FILE = "checkpoint.safetensors";

/** Steps that may be launched while the numbers of an earlier one are on their way: enough that no device waits for the host. */
const READ_LAG = 4;

/**
 * Trains any module that gives its own loss, and can be killed at any moment: a training that resumes from its checkpoint ends with the very weights, bit
 * for bit, of one that was never interrupted.
 *
 * One step draws `gradientAccumulationSteps` batches, averages their gradients by their labels, clips them, and updates; it runs in
 * one `scope`. From a loss or gradient on that is not finite, no step changes the model or the optimiser. A checkpoint holds the model, the optimiser, the schedule, where batches and random generators stand, and
 * the step. When and how often it is saved, evaluated or reported changes no number of the training.
 *
 * @example
 * const trainer = new Trainer({ model, optimizer, schedule, batches, steps: 1000, maxGradNorm: 1, folder: "runs/mine", saveSteps: 100 });
 * const { status, loss } = await trainer.train({ resume: true });
 */
export class Trainer<Inputs> {
  private readonly options: TrainerOptions<Inputs>;
  private readonly generators: ReadonlyMap<string, Generator>;
  private readonly trainingStep: TrainingStep<Inputs>;
  private readonly accumulation: number;
  private readonly numbers = new StepNumbersQueue();
  private readonly callbacks: CallbackList;
  private log: TrainingLog | null = null;
  private state: TrainingState;
  private watch = new Stopwatch();
  /** Of the last report, for the speed since then. */
  private reported = { tokens: 0, seconds: 0 };
  /** At the beginning of this process, for the time that is left. */
  private begun = { step: 0, seconds: 0 };

  /** @throws TrainingError when an option is outside its domain */
  constructor(options: TrainerOptions<Inputs>) {
    checkOptions(options);
    this.options = options;
    this.accumulation = options.gradientAccumulationSteps ?? 1;
    this.generators = new Map([["default", defaultGenerator], ...Object.entries(options.generators ?? {})]);
    this.callbacks = new CallbackList(options.callbacks ?? [], this.createContext());
    const { model, optimizer, batches, maxGradNorm = Infinity, teacher } = options;
    const onGradients = (gradients: Gradients): void => this.callbacks.seeGradients(gradients);
    const { accumulation } = this;
    this.trainingStep = new TrainingStep({
      model,
      optimizer,
      batches,
      maxGradNorm,
      accumulation,
      teacher,
      onGradients,
    });
    this.state = this.freshState();
  }

  /**
   * Trains up to the last step, or until the signal is raised.
   *
   * Losses are read every `loggingSteps` steps, or more often where that is free, and before anything is saved.
   *
   * @throws NonFiniteError naming the step whose loss or gradient is infinite or NaN; the last good checkpoint is kept
   * @throws TrainingError when the folder has a checkpoint and neither `resume` nor `overwrite` says what to do
   * @throws FileStoreError when a checkpoint cannot be saved; the one before is kept
   */
  async train({ resume = false, overwrite = false, signal }: TrainOptions = {}): Promise<TrainingResult> {
    const { options } = this;
    const folder = options.folder === undefined ? null : await openFolder(options.folder);
    const log = folder && new TrainingLog(folder);
    this.log = log;
    options.teacher?.model.eval();
    const eventLoop = new EventLoopYield();
    const lag = options.model.parameters()[0]?.device.readSync ? 0 : READ_LAG;
    let savedStep = 0;
    let savedAt = performance.now();
    const save = async (): Promise<void> => {
      await this.settle(0);
      if (!folder || savedStep === this.state.step) return;
      this.watch.stop();
      await writeCheckpoint(folder, CHECKPOINT_FILE, {
        model: options.model,
        optimizer: options.optimizer,
        state: this.capture(),
        callbacks: this.callbacks.states(),
      });
      [savedStep, savedAt] = [this.state.step, performance.now()];
      this.watch.start();
    };
    try {
      await this.begin(folder, resume, overwrite);
      await log?.truncate(this.state.step);
      savedStep = this.state.step;
      options.model.train();
      await this.callbacks.begin();
      this.watch.start();
      while (this.goesOn && !signal?.aborted) {
        this.numbers.push(this.launch());
        const { step } = this.state;
        if (this.reports(step)) this.numbers.read();
        await this.settle(lag);
        await this.callbacks.endStep();
        if (isDue(step, options.evalSteps) || (options.evaluate && step === options.steps)) await this.evaluate();
        const late = performance.now() - savedAt >= 1000 * (options.saveSeconds ?? Infinity);
        if (isDue(step, options.saveSteps) || late) await save();
        await eventLoop.yieldIfDue();
      }
      await save();
      if (!this.goesOn) await this.callbacks.end();
    } finally {
      this.watch.stop();
      // After an error these results are not used.
      this.numbers.clear();
      this.trainingStep.dispose();
      this.callbacks.stop();
    }
    const { step, loss, metrics, tokens, stopReason = null } = this.state;
    return {
      status: this.goesOn ? "stopped" : "finished",
      stopReason,
      step,
      loss,
      metrics,
      seconds: this.watch.seconds,
      tokens,
    };
  }

  /** Whether there are steps to take. */
  private get goesOn(): boolean {
    return this.state.step < this.options.steps && (this.state.stopReason ?? null) === null;
  }

  /** The training as callbacks see it. */
  private createContext(): TrainingContext {
    // Getters of an object have an object of their own as `this`.
    const getStep = (): number => this.state.step;
    const { model, optimizer, steps } = this.options;
    return {
      model,
      optimizer,
      steps,
      get step() {
        return getStep();
      },
      log: async (event, entry) => this.log?.append({ ...entry, event, step: getStep() }),
      stop: (reason) => {
        this.state.stopReason = reason;
      },
      loadModel: (state) => this.callbacks.loadModel(state),
    };
  }

  /** One step on its way: nothing here waits for the device. */
  private launch(): LaunchedStep {
    const { optimizer, schedule } = this.options;
    // Whatever was drawn between the steps, by an evaluation for one, is none of the training's business.
    for (const [name, generator] of this.generators) generator.restore(this.state.generators[name]!);
    const lr = optimizer.groups[0]!.lr;
    this.callbacks.beginStep();
    const launched = this.trainingStep.launch(this.state.step + 1);
    schedule?.step();
    this.state.step++;
    for (const [name, generator] of this.generators) this.state.generators[name] = generator.state();
    return { step: this.state.step, lr, ...launched };
  }

  /** Whether a step ends a stretch of the log. */
  private reports(step: number): boolean {
    return step % (this.options.loggingSteps ?? 10) === 0 || step === this.options.steps;
  }

  /** Takes in the numbers that were sent for at least `lag` steps ago; with 0, all there are. */
  private async settle(lag: number): Promise<void> {
    if (lag === 0) this.numbers.read();
    for (const { step, lr, tokens, labels, loss, gradNorm } of await this.numbers.take(this.state.step - lag)) {
      if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) throw new NonFiniteError(step, loss, gradNorm);
      this.state.tokens += tokens;
      // A step without labels has no loss.
      if (labels !== 0) {
        this.state.lossSum += loss;
        this.state.lossCount++;
      }
      if (!this.reports(step)) continue;
      const mean = this.state.lossCount > 0 ? this.state.lossSum / this.state.lossCount : (this.state.loss ?? 0);
      Object.assign(this.state, { loss: mean, lossSum: 0, lossCount: 0 });
      const progress = this.progress(step, mean, lr, gradNorm);
      await this.log?.append({ event: "train", ...progress });
      this.options.onProgress?.(progress);
    }
  }

  private progress(step: number, loss: number, lr: number, gradNorm: number): TrainingProgress {
    const { steps } = this.options;
    const { seconds } = this.watch;
    const { tokens } = this.state;
    const tokensPerSecond = (tokens - this.reported.tokens) / Math.max(seconds - this.reported.seconds, 1e-9);
    this.reported = { tokens, seconds };
    const secondsPerStep = (seconds - this.begun.seconds) / Math.max(step - this.begun.step, 1);
    return { step, steps, loss, lr, gradNorm, tokensPerSecond, seconds, etaSeconds: (steps - step) * secondsPerStep };
  }

  private async evaluate(): Promise<void> {
    const { evaluate, model } = this.options;
    await this.settle(0);
    if (!evaluate) return;
    this.watch.stop();
    model.eval();
    try {
      this.state.metrics = await evaluate();
    } finally {
      model.train();
      this.watch.start();
    }
    await this.log?.append({ ...this.state.metrics, event: "eval", step: this.state.step });
    await this.callbacks.evaluated(this.state.metrics);
  }

  private async begin(folder: FileStore | null, resume: boolean, overwrite: boolean): Promise<void> {
    if (this.state.step === 0) this.state = this.freshState();
    const found = folder !== null && (await folder.exists(CHECKPOINT_FILE));
    if (found && !resume && !overwrite)
      throw new TrainingError(
        `Trainer: expected ${folder.name} to be without a checkpoint, got one; train({ resume: true }) goes on, { overwrite: true } starts over`,
        0,
      );
    await this.callbacks.start();
    if (found && resume) await this.restore(folder);
    this.watch = new Stopwatch(this.state.seconds);
    this.reported = { tokens: this.state.tokens, seconds: this.state.seconds };
    this.begun = { step: this.state.step, seconds: this.state.seconds };
  }

  private async restore(folder: FileStore): Promise<void> {
    const { model, optimizer, schedule, batches, onWarning = warn } = this.options;
    const loaded = await readCheckpoint(folder, CHECKPOINT_FILE);
    const { state } = loaded;
    this.callbacks.loadModel(loaded.model);
    optimizer.loadStateDict({
      groups: state.groups as ReturnType<Optimizer["stateDict"]>["groups"],
      tensors: loaded.optimizer,
    });
    if (schedule) schedule.loadStateDict(state.schedule as ScheduleState);
    batches.load(state.batches);
    this.state = state;
    const different = this.callbacks.restore(loaded);
    if (different.length > 0)
      onWarning(
        `Trainer: ${folder.name} was trained with other callbacks, which differ in ${different.join(", ")}; the result will differ from an uninterrupted training`,
      );
    for (const [name, now] of Object.entries(this.settings()))
      if ((state.settings[name] ?? null) !== now)
        onWarning(
          `Trainer: ${folder.name} was trained with ${name} ${state.settings[name]}, now it is ${now}; the result will differ from an uninterrupted training`,
        );
    const fuses = model.parameters()[0]?.device.fusesMultiplyAdd;
    if (fuses !== undefined && state.fusesMultiplyAdd !== fuses)
      onWarning(
        `Trainer: ${folder.name} was trained ${state.fusesMultiplyAdd ? "with" : "without"} fused multiply-adds, which this engine ${state.fusesMultiplyAdd ? "has not" : "has"}; the result will not be bit-identical to an uninterrupted training`,
      );
  }

  /** The state as it stands now, everything launched having been taken in. */
  private capture(): TrainingState {
    const { optimizer, schedule, batches } = this.options;
    return {
      ...this.state,
      seconds: this.watch.seconds,
      batches: batches.state,
      schedule: schedule?.stateDict() ?? null,
      groups: optimizer.stateDict().groups,
      fusesMultiplyAdd: fusesMultiplyAdd(),
      settings: this.settings(),
    };
  }

  private freshState(): TrainingState {
    const generators: Record<string, GeneratorState> = {};
    for (const [name, generator] of this.generators) generators[name] = generator.state();
    return {
      step: 0,
      loss: null,
      lossSum: 0,
      lossCount: 0,
      tokens: 0,
      seconds: 0,
      batches: null,
      generators,
      schedule: null,
      groups: [],
      fusesMultiplyAdd: fusesMultiplyAdd(),
      settings: this.settings(),
      metrics: null,
      stopReason: null,
    };
  }

  private settings(): Record<string, number | null> {
    const { steps, maxGradNorm, teacher } = this.options;
    const { weight = 0.5, temperature = 2, hidden = 0 } = teacher ?? { weight: 0, temperature: 0 };
    return {
      steps,
      gradientAccumulationSteps: this.accumulation,
      maxGradNorm: maxGradNorm ?? null,
      ...(teacher ? { teacherWeight: weight, teacherTemperature: temperature, teacherHidden: hidden } : {}),
    };
  }
}

/** Where warnings go when no listener is given. */
const warn = (message: string): void => {
  // eslint-disable-next-line no-console -- a resumption that is not exact must not pass in silence
  console.warn(message);
};

const isDue = (step: number, every: number | undefined): boolean => every !== undefined && step % every === 0;
