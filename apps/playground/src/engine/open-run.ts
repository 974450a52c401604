import { ByteLevelBpeTokenizer, trainBpeAsync } from "@tessera/models/tokenizers";
import { cpu, openDevice, type Backend } from "@tessera/tensor";
import type { Configuration } from "./configuration.ts";
import { Learner, loadFolder, packCorpus, type Blocks } from "./learner.ts";
import { modelKinds } from "./model-kinds.ts";
import type { FileMap, HeldOutPoint, Mark, OpenOptions, StepPoint } from "./protocol.ts";
import { fetchFile, loadText, splitOwnText, texts, type Corpus } from "./texts.ts";

/** The shipped checkpoint: a Hugging Face folder. */
const CHECKPOINT = ["config.json", "model.safetensors", "vocab.json", "merges.txt"] as const;
const SEED = 0;

/** What a saved run says beside its tensors; the file `run.json`. */
export interface SavedRun {
  readonly version: 1;
  readonly configuration: Configuration;
  readonly learner: Awaited<ReturnType<Learner["save"]>>["state"];
  readonly points: readonly StepPoint[];
  readonly heldOut: readonly HeldOutPoint[];
  readonly marks: readonly Mark[];
  readonly denseParameters: number;
}

export const RUN_FILE = "run.json";
export const TEXT_FILE = "text.txt";

/** The run of some files. @throws Error when they are none of this page's */
export const readRun = (files: FileMap): SavedRun => {
  const bytes = files.get(RUN_FILE);
  if (!bytes) throw new Error(`There is no ${RUN_FILE} in it: this is not a run that this page saved.`);
  const run = JSON.parse(new TextDecoder().decode(bytes)) as SavedRun;
  if (run.version !== 1) throw new Error(`It was saved by another version of this page (${String(run.version)}).`);
  return run;
};

export interface Opened {
  readonly learner: Learner;
  readonly blocks: Blocks;
  readonly saved: SavedRun | null;
}

/** Says how far the opening is; a share where it is known. */
type Tell = (stage: string, share?: number) => void;

const openBackend = async (device: Configuration["device"]): Promise<Backend> =>
  device === "cpu" ? cpu : openDevice("webgpu");

const readCorpus = async ({ configuration, ownText, base }: OpenOptions): Promise<Corpus> => {
  if (configuration.text !== "own") return loadText(configuration.text, base);
  if (ownText === null) throw new Error("Paste or drop a text first.");
  return splitOwnText(ownText);
};

const fetchCheckpoint = async (kind: Configuration["model"], base: string): Promise<FileMap> =>
  new Map(
    await Promise.all(
      CHECKPOINT.map(async (file) => {
        const response = await fetchFile(`checkpoint/${kind}/${file}`, base);
        return [file, new Uint8Array(await response.arrayBuffer())] as const;
      }),
    ),
  );

const learnTokenizer = async (corpus: Corpus, vocabSize: number, tell: Tell): Promise<ByteLevelBpeTokenizer> => {
  const model = await trainBpeAsync(corpus.train, {
    vocabSize,
    onProgress: ({ tokens }) => tell("learning a vocabulary", tokens / vocabSize),
  });
  return ByteLevelBpeTokenizer.fromModel(model);
};

/** Makes everything that a training needs. */
export const openRun = async (options: OpenOptions, tell: Tell): Promise<Opened> => {
  const { configuration, base, files } = options;
  const { model: kind, lr, batch } = configuration;
  tell("opening the device");
  const device = await openBackend(configuration.device);
  tell(`reading ${texts[configuration.text].title}`);
  const corpus = await readCorpus(options);
  if (files) {
    const saved = readRun(files);
    const { tokenizer, model } = await loadFolder(files, saved.learner.kind, device);
    model.dispose();
    const blocks = packCorpus(corpus, tokenizer);
    return { learner: await Learner.load(files, saved.learner, { blocks, device }), blocks, saved };
  }
  if (configuration.start === "checkpoint") {
    tell("loading the checkpoint");
    const { model, tokenizer } = await loadFolder(await fetchCheckpoint(kind, base), kind, device);
    tell("cutting the text into tokens");
    const blocks = packCorpus(corpus, tokenizer);
    return { learner: new Learner({ kind, model, tokenizer, blocks, device, lr, batch }), blocks, saved: null };
  }
  const tokenizer = await learnTokenizer(corpus, configuration.vocab, tell);
  tell("cutting the text into tokens");
  const blocks = packCorpus(corpus, tokenizer);
  const { layers, hidden } = configuration;
  const model = modelKinds[kind].create({ layers, hidden, vocab: tokenizer.vocabSize }, SEED);
  await model.to(device);
  return { learner: new Learner({ kind, model, tokenizer, blocks, device, lr, batch }), blocks, saved: null };
};
