import type { GlossTask, WordNetGloss } from "@tessera/models/data";
import { makeGlossTask, preTrainingTexts } from "@tessera/models/data";
import type { ByteLevelBpeTokenizer } from "@tessera/models/tokenizers";
import { loadTokenizer } from "@tessera/models";
import { createGlossSource, type GlossSource } from "../data/classification-data.ts";
import { readWordNet } from "../data/wordnet-folder.ts";
import type { RunState } from "../run-folder/run-state.ts";
import { Interrupted } from "../terminal/command-error.ts";
import { formatDuration } from "../terminal/format.ts";
import type { OptimizerName } from "../training/recipes.ts";
import type { Supervision } from "../training/train-model.ts";
import type { ClassifierName, DemoPhases } from "./demo-phases.ts";

/** Their names in tables and reports. */
export const classifierTitles: Readonly<Record<ClassifierName, string>> = {
  scratch: "from scratch",
  dense: "pre-trained",
  sparse: "pre-trained, sparse",
};

/** The options of a demo. */
export interface DemoSettings {
  seed: number;
  optimizer: OptimizerName;
  tokens: number;
  finetuneSteps: number;
  device: string;
}

/** Marks a phase that is done. */
const TICK = "✓";

/** One demo in its folder: the phases that are done, and data that several phases need, read on first use. */
export class DemoRun {
  readonly split: GlossSource;
  private glossesRead: Promise<WordNetGloss[]> | undefined;
  private tokenizerRead: Promise<ByteLevelBpeTokenizer> | undefined;

  constructor(
    readonly state: RunState<DemoPhases>,
    readonly settings: DemoSettings,
    readonly supervision: Supervision,
    readonly labelsPerClass: number,
  ) {
    this.split = createGlossSource(settings.seed);
  }

  /** The path of something in the folder of the demo. */
  path(...parts: string[]): string {
    return this.state.path(...parts);
  }

  /** The folder of a model. */
  modelPath(name: "pretrained" | "patched" | ClassifierName): string {
    return this.path("models", name);
  }

  /** The folder of a training's checkpoint and log. */
  trainingPath(name: "pretraining" | ClassifierName): string {
    return this.path("training", name);
  }

  /** The result of a phase that is done. */
  result<Name extends keyof DemoPhases>(name: Name): DemoPhases[Name] {
    return this.state.get(name)!;
  }

  /** Every gloss of WordNet, read once. */
  readGlosses(): Promise<WordNetGloss[]> {
    return (this.glossesRead ??= readWordNet());
  }

  /** The labelled texts to learn from and to test on. */
  async makeTask(): Promise<GlossTask> {
    const { seed, classes } = this.split;
    return makeGlossTask(await this.readGlosses(), { seed, classes, labelsPerClass: this.labelsPerClass });
  }

  /** Texts to pre-train on: none of them is tested on. */
  async readCorpus(): Promise<string[]> {
    return preTrainingTexts(await this.readGlosses(), (await this.makeTask()).test);
  }

  /** The tokenizer of this run, loaded once. */
  loadTokenizer(): Promise<ByteLevelBpeTokenizer> {
    return (this.tokenizerRead ??= loadTokenizer(this.path("tokenizer")));
  }

  /**
   * Runs a phase unless it is done. All that it writes must be on the disk when `work` returns.
   *
   * @param describe one line for the terminal
   * @throws {Interrupted} before it begins, when the demo was stopped
   */
  async runPhase<Name extends keyof DemoPhases>(
    name: Name,
    title: string,
    work: () => Promise<DemoPhases[Name]>,
    describe: (result: DemoPhases[Name]) => string,
  ): Promise<void> {
    const { terminal, stop } = this.supervision;
    const { green, dim } = terminal.color;
    const done = this.state.get(name);
    if (done) {
      terminal.printLine(dim(`${TICK} ${title.padEnd(20)} ${describe(done)}`));
      return;
    }
    if (stop.aborted) throw new Interrupted(`stopped before ${title}, and saved`);
    const begun = performance.now();
    const result = await work();
    await this.state.complete(name, result);
    const seconds = formatDuration((performance.now() - begun) / 1000);
    terminal.printLine(`${green(TICK)} ${title.padEnd(20)} ${describe(result)}  ${dim(seconds)}`);
  }
}
