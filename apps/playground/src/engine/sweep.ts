import type { Backend } from "@tessera/tensor";
import { drawnLayers } from "./block-history.ts";
import { setDensity } from "./change-blocks.ts";
import { Learner, type Blocks, type LearnerState } from "./learner.ts";
import type { FileMap, Report, SweepOptions } from "./protocol.ts";
import { defaultSparsity } from "./sparsity.ts";
import type { Turns } from "./turns.ts";

/** Where every cell begins: a saved model, and what it is trained on. */
export interface SweepStart {
  readonly files: FileMap;
  readonly state: LearnerState;
  readonly place: { readonly blocks: Blocks; readonly device: Backend };
}

/** No layer, as a pattern. */
const NONE = "";

/**
 * Which layers tolerate sparsity: from one saved model, one layer at a time is patched to one density, trained for some steps, and
 * tested. The dense model trained for as many steps on the same batches is what it is compared with.
 */
export class Sweep {
  private readonly options: SweepOptions;
  private readonly start: SweepStart;
  private readonly report: (report: Report) => void;
  private cancelled = false;
  private paused = false;
  private wake: (() => void) | null = null;
  private done = 0;
  private of = 0;

  constructor(options: SweepOptions, start: SweepStart, report: (report: Report) => void) {
    this.options = options;
    this.start = start;
    this.report = report;
  }

  pause(): void {
    this.paused = true;
    this.tell("paused");
  }

  resume(): void {
    this.paused = false;
    this.tell("running");
    this.wake?.();
  }

  cancel(): void {
    this.cancelled = true;
    this.wake?.();
  }

  /** All cells, layer by layer; each step is a turn. Ends early when it is cancelled. */
  async run(turns: Turns): Promise<void> {
    const { densities } = this.options;
    const layers = await turns.take(async () => {
      const first = await this.fresh();
      const names = drawnLayers(first.model)
        .filter(([, { inFeatures, outFeatures }]) => Math.min(inFeatures, outFeatures) >= this.options.blockSize)
        .map(([name]) => name);
      first.dispose();
      return names;
    });
    this.of = layers.length * densities.length;
    this.tell("running");
    const dense = await this.cell(turns, NONE, 1);
    for (const layer of layers)
      for (const density of densities) {
        if (this.cancelled || dense === null) break;
        const loss = await this.cell(turns, layer, density);
        if (loss === null) break;
        this.done++;
        this.report({ type: "cell", cell: { layer, density, added: loss - dense } });
        if (!this.paused) this.tell("running");
      }
    this.tell("ended");
  }

  /** The held-out loss of one cell; `null` when it was cancelled meanwhile. */
  private async cell(turns: Turns, layer: string, density: number): Promise<number | null> {
    const learner = await turns.take(() => this.fresh());
    try {
      if (density < 1) {
        const { blockSize } = this.options;
        const sparsity = { ...defaultSparsity, pattern: layer, density, blockSize };
        await turns.take(() => setDensity(learner, sparsity, density, 0));
      }
      for (let step = 0; step < this.options.recover; step++) {
        await this.untilResumed();
        if (this.cancelled) return null;
        await turns.take(() => learner.advance());
      }
      return await turns.take(() => learner.evaluate());
    } finally {
      learner.dispose();
    }
  }

  private fresh(): Promise<Learner> {
    const { files, state, place } = this.start;
    return Learner.load(files, state, place);
  }

  private async untilResumed(): Promise<void> {
    while (this.paused && !this.cancelled) await new Promise<void>((resumed) => (this.wake = resumed));
  }

  private tell(state: "running" | "paused" | "ended"): void {
    this.report({ type: "sweep", done: this.done, of: this.of, state });
  }
}
