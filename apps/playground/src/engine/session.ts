import { cpu, memory, resetPeakMemory, type Tensor } from "@tessera/tensor";
import { cubicDensity } from "@tessera/sparse";
import { BlockHistory } from "./block-history.ts";
import { moveBlocks, setDensity, sparseLayersOf } from "./change-blocks.ts";
import { kindOf, messageOf } from "./describe-problem.ts";
import { describeLayer } from "./describe-layer.ts";
import { Learner, type Blocks, type LearnerState } from "./learner.ts";
import { openRun, RUN_FILE, TEXT_FILE, type SavedRun } from "./open-run.ts";
import type {
  Engine,
  FileMap,
  Gaze,
  HeldOutPoint,
  Histogram,
  Mark,
  OpenOptions,
  Report,
  StepPoint,
  SweepOptions,
} from "./protocol.ts";
import { readSentence } from "./read-sentence.ts";
import { isFor, methods, type Sparsity } from "./sparsity.ts";
import { Sweep } from "./sweep.ts";
import { Turns } from "./turns.ts";

/** Milliseconds between reports of each kind: what the eye follows, and what costs time. */
const EVERY_MS = { steps: 120, mosaic: 350, reading: 900, keep: 15_000 } as const;
const HELD_OUT_STEPS = 40;
const MAX_UNDO = 4;
/** Points that a saved run keeps. */
const MAX_SAVED_POINTS = 3000;

interface Kept {
  readonly files: FileMap;
  readonly state: LearnerState;
  readonly sparsity: Sparsity | null;
}

/** One model in training, with its dense twin, as the page sees it. Everything runs in turns: nothing happens within a step. */
export class Session implements Engine {
  private readonly report: (report: Report) => void;
  private readonly turns = new Turns();
  private readonly history = new BlockHistory();
  private options: OpenOptions | null = null;
  private blocks: Blocks | null = null;
  private learner: Learner | null = null;
  private twin: Learner | null = null;
  private sparsity: Sparsity | null = null;
  private density: ((step: number) => number) | null = null;
  private denseParameters = 0;
  private undoable: Kept[] = [];
  private gaze: Gaze | null = null;
  private training = false;
  private runningSweep: Sweep | null = null;
  private points: StepPoint[] = [];
  private heldOut: HeldOutPoint[] = [];
  private marks: Mark[] = [];
  private fresh = {
    points: [] as StepPoint[],
    twin: [] as StepPoint[],
    heldOut: [] as HeldOutPoint[],
    marks: [] as Mark[],
  };
  private due = { steps: 0, mosaic: 0, reading: 0, keep: 0 };

  constructor(report: (report: Report) => void) {
    this.report = report;
  }

  async open(options: OpenOptions): Promise<void> {
    this.training = false;
    this.runningSweep?.cancel();
    await this.turns.take(async () => {
      this.close();
      this.options = options;
      this.gaze = options.gaze;
      resetPeakMemory();
      const opened = await this.guard(() =>
        openRun(options, (stage, share) => this.report({ type: "opening", stage, share: share ?? null })),
      );
      this.blocks = opened.blocks;
      this.learner = opened.learner;
      this.denseParameters = opened.saved?.denseParameters ?? opened.learner.model.numParameters();
      if (opened.saved) {
        this.points = this.fresh.points = [...opened.saved.points];
        this.heldOut = this.fresh.heldOut = [...opened.saved.heldOut];
        this.marks = this.fresh.marks = [...opened.saved.marks];
      } else await this.evaluate();
      await this.showAll();
      this.report({ type: "state", state: "paused" });
    });
  }

  async train(): Promise<void> {
    if (this.training) return;
    this.training = true;
    this.report({ type: "state", state: "training" });
    this.due.keep = performance.now() + EVERY_MS.keep;
    void this.loop();
  }

  async pause(): Promise<void> {
    if (!this.training) return;
    this.training = false;
    await this.turns.take(async () => {
      await this.showAll();
      await this.keep();
      this.report({ type: "state", state: "paused" });
    });
  }

  async look(gaze: Gaze): Promise<void> {
    const redraw = this.gaze?.blockSize !== gaze.blockSize;
    this.gaze = gaze;
    await this.turns.take(async () => {
      // Many looks may wait for one turn: the last is what is looked at.
      if (!this.learner || this.gaze !== gaze) return;
      await this.showReading();
      if (redraw) await this.showMosaic();
    });
  }

  async setRate(lr: number): Promise<void> {
    await this.turns.take(async () => {
      this.learner?.setRate(lr);
      this.twin?.setRate(lr);
    });
  }

  async patch(sparsity: Sparsity): Promise<void> {
    await this.turns.take(async () => {
      const learner = this.needLearner();
      const kept: Kept = { ...(await learner.save()), sparsity: this.sparsity };
      const seed = learner.step;
      const gradual = sparsity.method === "gradual";
      try {
        if (!gradual) await setDensity(learner, sparsity, sparsity.density, seed);
      } catch (error) {
        await this.restore(kept);
        throw error;
      }
      this.undoable = [...this.undoable, kept].slice(-MAX_UNDO);
      this.sparsity = sparsity;
      const from = densityNow(learner, sparsity);
      this.density = gradual
        ? cubicDensity({
            from: Math.max(from, sparsity.density),
            to: sparsity.density,
            start: learner.step,
            end: learner.step + sparsity.over,
            every: sparsity.every,
          })
        : null;
      if (!sparsity.twin) this.dropTwinNow();
      else if (!this.twin) this.twin = await Learner.load(kept.files, kept.state, this.place());
      const { title } = methods[sparsity.method];
      this.mark(`${sparsity.method === "once" ? "Patched" : title} to density ${sparsity.density}`);
      await this.evaluate();
      await this.showAll();
    });
  }

  async undo(): Promise<void> {
    await this.turns.take(async () => {
      const kept = this.undoable.at(-1);
      if (!kept) return;
      await this.restore(kept);
      this.undoable = this.undoable.slice(0, -1);
      this.density = null;
      if (sparseLayersOf(this.needLearner().model).length === 0) this.dropTwinNow();
      this.mark(`Back to step ${kept.state.step}`);
      await this.showAll();
    });
  }

  async dropTwin(): Promise<void> {
    await this.turns.take(async () => {
      this.dropTwinNow();
      this.showFacts();
    });
  }

  async histogram(layer: string): Promise<Histogram> {
    return this.turns.take(() => describeLayer(this.needLearner().model, layer));
  }

  async save(format: "sparse" | "dense"): Promise<FileMap> {
    return this.turns.take(() => this.filesOf(format));
  }

  async sweep(options: SweepOptions): Promise<void> {
    const wasTraining = this.training;
    this.training = false;
    const sweep = await this.turns.take(async () => {
      const { files, state } = await this.needLearner().save();
      this.report({ type: "state", state: "sweeping" });
      return new Sweep(options, { files, state, place: this.place() }, this.report);
    });
    this.runningSweep = sweep;
    try {
      await this.guard(() => sweep.run(this.turns));
    } finally {
      this.runningSweep = null;
      this.report({ type: "state", state: "paused" });
      if (wasTraining) await this.train();
    }
  }

  async steerSweep(what: "pause" | "resume" | "cancel"): Promise<void> {
    this.runningSweep?.[what]();
  }

  /** Steps until it is paused; every step is a turn of its own, so that commands get theirs. */
  private async loop(): Promise<void> {
    try {
      while (this.training) await this.turns.take(() => this.step());
    } catch (error) {
      this.training = false;
      this.report({ type: "problem", kind: kindOf(error), message: messageOf(error) });
      this.report({ type: "state", state: "paused" });
    }
  }

  private async step(): Promise<void> {
    if (!this.training) return;
    const learner = this.needLearner();
    this.add(await learner.advance());
    if (this.twin) this.fresh.twin.push(await this.twin.advance());
    await this.changeBlocks(learner);
    if (learner.step % HELD_OUT_STEPS === 0) await this.evaluate();
    const now = performance.now();
    if (now >= this.due.steps) this.showSteps();
    if (now >= this.due.mosaic) await this.showMosaic();
    if (now >= this.due.reading) await this.showReading();
    if (now >= this.due.keep) await this.keep();
  }

  /** What the method in force does after a step. */
  private async changeBlocks(learner: Learner): Promise<void> {
    const { sparsity } = this;
    if (!sparsity || learner.step % sparsity.every !== 0) return;
    if (this.density) {
      const density = this.density(learner.step);
      await setDensity(learner, sparsity, density, learner.step);
      if (density <= sparsity.density) {
        this.density = null;
        this.mark(`Density ${sparsity.density} reached`);
      }
      await this.showMosaic();
      this.showFacts();
    } else if (sparsity.method === "set" || sparsity.method === "rigl") {
      await moveBlocks(learner, sparsity, learner.step, sparsity.method === "rigl" ? "gradient" : "random");
      await this.showMosaic();
    }
  }

  private async evaluate(): Promise<void> {
    const learner = this.needLearner();
    const twin = this.twin ? await this.twin.evaluate() : null;
    const point = { step: learner.step, loss: await learner.evaluate(), twin };
    this.heldOut.push(point);
    this.fresh.heldOut.push(point);
  }

  private add(point: StepPoint): void {
    this.points.push(point);
    this.fresh.points.push(point);
  }

  private mark(text: string): void {
    const mark = { step: this.needLearner().step, text };
    this.marks.push(mark);
    this.fresh.marks.push(mark);
  }

  private async showAll(): Promise<void> {
    this.showSteps();
    await this.showMosaic();
    await this.showReading();
  }

  private showSteps(): void {
    this.due.steps = performance.now() + EVERY_MS.steps;
    const { points, twin, heldOut, marks } = this.fresh;
    this.fresh = { points: [], twin: [], heldOut: [], marks: [] };
    this.report({ type: "steps", points, twin, heldOut, marks });
    this.showFacts();
  }

  private showFacts(): void {
    const { model, optimizer, step, device, tokensPerStep } = this.needLearner();
    const { numHiddenLayers: layers, numAttentionHeads: heads, vocabSize: vocab, hiddenSize: hidden } = model.config;
    const { bytes = 0, peakBytes = 0 } = memory()[device.name] ?? {};
    this.report({
      type: "facts",
      facts: {
        parameters: model.numParameters(),
        denseParameters: this.denseParameters,
        ...{ layers, heads, vocab, hidden, step, tokensPerStep },
        threads: device === cpu ? cpu.threadsJoined : 0,
        device: device.name,
        canUndo: this.undoable.length > 0,
        twin: this.twin !== null,
      },
      memory: {
        bytes,
        peakBytes,
        weights: bytesOf(model.stateDict().values()),
        optimizer: bytesOf(optimizer.stateDict().tensors.values()),
      },
    });
  }

  private async showMosaic(): Promise<void> {
    this.due.mosaic = performance.now() + EVERY_MS.mosaic;
    const { model, optimizer, step } = this.needLearner();
    const layers = await this.history.read(model, optimizer, step, this.gaze?.blockSize ?? 8);
    this.report({ type: "mosaic", step, layers });
  }

  private async showReading(): Promise<void> {
    this.due.reading = performance.now() + EVERY_MS.reading;
    if (!this.gaze || this.gaze.sentence.trim() === "") return;
    const { model, tokenizer } = this.needLearner();
    this.report({ type: "reading", reading: await readSentence(model, tokenizer, this.gaze) });
  }

  /** Hands the page what survives a reload. */
  private async keep(): Promise<void> {
    this.due.keep = performance.now() + EVERY_MS.keep;
    this.report({ type: "keep", files: await this.filesOf("sparse") });
  }

  private async filesOf(format: "sparse" | "dense"): Promise<FileMap> {
    const learner = this.needLearner();
    const { files, state } = await learner.save(format);
    const { points, heldOut, marks, denseParameters } = this;
    const run: SavedRun = {
      version: 1,
      configuration: this.options!.configuration,
      learner: state,
      points: points.slice(-MAX_SAVED_POINTS),
      ...{ heldOut, marks, denseParameters },
    };
    const encoder = new TextEncoder();
    const { ownText } = this.options!;
    return new Map([
      ...files,
      [RUN_FILE, encoder.encode(JSON.stringify(run))],
      ...(ownText === null ? [] : [[TEXT_FILE, encoder.encode(ownText)] as const]),
    ]);
  }

  /** Puts a kept state in the place of the model's. */
  private async restore({ files, state, sparsity }: Kept): Promise<void> {
    const next = await Learner.load(files, state, this.place());
    this.learner?.dispose();
    this.learner = next;
    this.sparsity = sparsity;
    this.points = this.points.filter(({ step }) => step <= state.step);
  }

  private place(): { blocks: Blocks; device: Learner["device"] } {
    return { blocks: this.blocks!, device: this.needLearner().device };
  }

  private dropTwinNow(): void {
    this.twin?.dispose();
    this.twin = null;
  }

  private needLearner(): Learner {
    if (!this.learner) throw new Error("There is no model yet: press Train.");
    return this.learner;
  }

  /** Tells the page of an error's kind before the command fails with it. */
  private async guard<T>(fn: () => Promise<T>): Promise<T> {
    try {
      return await fn();
    } catch (error) {
      this.report({ type: "problem", kind: kindOf(error), message: messageOf(error) });
      throw error;
    }
  }

  private close(): void {
    this.learner?.dispose();
    this.learner = null;
    this.dropTwinNow();
    this.history.clear();
    this.undoable = [];
    [this.sparsity, this.density] = [null, null];
    [this.points, this.heldOut, this.marks] = [[], [], []];
    this.fresh = { points: [], twin: [], heldOut: [], marks: [] };
  }
}

/** The mean density of the layers that a rule is for; 1 where none is sparse. */
const densityNow = (learner: Learner, sparsity: Sparsity): number => {
  const own = sparseLayersOf(learner.model).filter(([name]) => isFor(sparsity.pattern, name));
  return own.length === 0 ? 1 : own.reduce((sum, [, { density }]) => sum + density, 0) / own.length;
};

const bytesOf = (tensors: Iterable<Tensor>): number => [...tensors].reduce((sum, x) => sum + 4 * x.numel(), 0);
