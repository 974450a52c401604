import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  GLOSS_CLASSES,
  GLOSS_CLASSES_10,
  makeGlossTask,
  preTrainingTexts,
  SeededRandom,
  type EncodedExample,
  type LabelledText,
  type WordNetGloss,
} from "@tessera/models/data";
import { loadTokenizer } from "@tessera/models";
import type { ByteLevelBpeTokenizer } from "@tessera/models/tokenizers";
import { readWordNet } from "@tessera/cli/internal/data/wordnet-folder";
import { encodeExamples } from "@tessera/cli/internal/training/finetune-classifier";
import { packCorpus, type PackedCorpus } from "@tessera/cli/internal/training/pretrain-model";
import { finetuning, pretraining } from "@tessera/cli/internal/training/recipes";
import { saveTokenizer, trainTokenizer } from "@tessera/cli/internal/training/train-tokenizer";
import { Terminal } from "@tessera/cli/internal/terminal/terminal";
import type { Supervision } from "@tessera/cli/internal/training/train-model";
import { readTask, type GlossTask } from "./cell.ts";
import type { Scale } from "./scale.ts";

/** The split of the glosses: its test texts are in no pre-training and in no seed's labels. */
const SPLIT = 0;

/** Labelled texts of one seed. */
export interface LabData {
  readonly labels: readonly string[];
  readonly train: readonly LabelledText[];
  readonly test: readonly LabelledText[];
}

const cached = <Key, Value>(make: (key: Key) => Value): ((key: Key) => Value) => {
  const kept = new Map<Key, Value>();
  return (key) => {
    if (!kept.has(key)) kept.set(key, make(key));
    return kept.get(key)!;
  };
};

/** WordNet's glosses, and the texts to learn English from. */
interface Corpus {
  readonly glosses: readonly WordNetGloss[];
  readonly texts: readonly string[];
}

/** What all cells work with: texts, tokens, and folders of models. */
export class Lab {
  private readonly split: (classes: 6 | 10) => LabData;
  private packed: PackedCorpus | undefined;
  private readonly texts: readonly string[];

  private constructor(
    readonly folder: string,
    readonly scale: Scale,
    readonly tokenizer: ByteLevelBpeTokenizer,
    readonly supervision: Supervision,
    { glosses, texts }: Corpus,
  ) {
    this.texts = texts;
    this.split = cached((classes) => splitOf(glosses, classes, scale));
  }

  /** Reads WordNet, and learns the tokenizer of the folder unless it is there. */
  static async open(folder: string, scale: Scale, stop: AbortSignal): Promise<Lab> {
    const supervision = { terminal: new Terminal({ quiet: true }), stop };
    const glosses = await readWordNet();
    const texts = preTrainingTexts(glosses, splitOf(glosses, 10, scale).test).slice(0, scale.texts);
    const words = join(folder, "tokenizer");
    if (!existsSync(join(words, "tokenizer.json")))
      await saveTokenizer(await trainTokenizer(texts, scale.vocabSize, supervision), words);
    return new Lab(folder, scale, await loadTokenizer(words), supervision, { glosses, texts });
  }

  /** Blocks of tokens to learn from, and others to test on. */
  get corpus(): PackedCorpus {
    if (this.packed) return this.packed;
    const { train, heldOut } = packCorpus(this.texts, this.tokenizer, pretraining.length);
    const count = Math.min(heldOut.count, this.scale.heldOut ?? heldOut.count);
    const ids = heldOut.ids.subarray(0, count * heldOut.length);
    return (this.packed = { train, heldOut: { ...heldOut, ids, count } });
  }

  /** Labelled texts of a task. The seed draws which texts to learn from have their labels; the test is the same for all. */
  labelled(task: GlossTask, seed: number): LabData {
    const { classes, labels } = readTask(task);
    const { labels: names, train, test } = this.split(classes);
    const drawn = names.flatMap((name, label) =>
      new SeededRandom(seed, "study", name).shuffle(train.filter((text) => text.label === label)).slice(0, labels),
    );
    return { labels: names, train: new SeededRandom(seed, "study").shuffle(drawn), test };
  }

  encode(texts: readonly LabelledText[]): EncodedExample[] {
    return encodeExamples(texts, this.tokenizer, finetuning.length);
  }

  /** The folder of a checkpoint, or of a classifier that others start from. */
  path(kind: "checkpoints" | "classifiers" | "training", name: string): string {
    return join(this.folder, kind, name.replaceAll(/[^\w.-]+/g, "_"));
  }
}

const splitOf = (glosses: readonly WordNetGloss[], classes: 6 | 10, { perClass }: Scale): LabData =>
  makeGlossTask(glosses, { seed: SPLIT, classes: classes === 6 ? GLOSS_CLASSES : GLOSS_CLASSES_10, perClass });
