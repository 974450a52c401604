import {
  BatchSampler,
  MlmCollator,
  packTokenBlocks,
  type BatchSamplerState,
  type TokenBlocks,
} from "@tessera/models/data";
import { MemoryFolder, loadTokenizer } from "@tessera/models/hub";
import type { RobertaForMaskedLM } from "@tessera/models/roberta";
import type { ByteLevelBpeTokenizer } from "@tessera/models/tokenizers";
import {
  evaluateMaskedLM,
  maskedLMBatches,
  maskedLMEpoch,
  Trainer,
  weightDecayGroups,
  type BatchSource,
  type TrainableModel,
  type TrainerOptions,
} from "@tessera/models/training";
import { AdamW, constantWarmup } from "@tessera/nn";
import { readSafetensors, writeSafetensors, type Backend, type HostTensor } from "@tessera/tensor";
import { BLOCK_TOKENS, modelKinds } from "./model-kinds.ts";
import type { ModelKind } from "./model-titles.ts";
import type { FileMap, StepPoint } from "./protocol.ts";
import type { Corpus } from "./texts.ts";

/** The demo's recipe: small batches, and much masking, teach most with few tokens. */
const MASK_PROBABILITY = 0.4;
const WARMUP_STEPS = 30;
const HELD_OUT_BLOCKS = 48;
const SEED = 0;
/** Of the batches that only measure. */
const PROBE_SEED = 1;

const OPTIMIZER = "optimizer.safetensors";

type Inputs = Parameters<RobertaForMaskedLM["forward"]>[0];

/** A corpus as numbers: what is trained on, and what is only tested on. */
export interface Blocks {
  readonly train: TokenBlocks;
  readonly heldOut: TokenBlocks;
}

/** Packs texts into blocks of tokens. */
export const packCorpus = ({ train, heldOut }: Corpus, tokenizer: ByteLevelBpeTokenizer): Blocks => {
  const { bosTokenId, eosTokenId } = tokenizer;
  const pack = (texts: readonly string[]): TokenBlocks =>
    packTokenBlocks(
      texts.map((text) => tokenizer.encodeToIds(text)),
      { length: BLOCK_TOKENS, bosTokenId, eosTokenId },
    );
  const tested = pack(heldOut);
  const count = Math.min(tested.count, HELD_OUT_BLOCKS);
  return { train: pack(train), heldOut: { ...tested, ids: tested.ids.subarray(0, count * BLOCK_TOKENS), count } };
};

export interface LearnerOptions {
  readonly kind: ModelKind;
  readonly model: RobertaForMaskedLM;
  readonly tokenizer: ByteLevelBpeTokenizer;
  readonly blocks: Blocks;
  readonly device: Backend;
  readonly lr: number;
  readonly batch: number;
  /** Steps that were taken before. */
  readonly step?: number;
}

/** Where a learner stands, in plain JSON. */
export interface LearnerState {
  readonly kind: ModelKind;
  readonly step: number;
  readonly lr: number;
  readonly batch: number;
  readonly batches: BatchSamplerState;
  readonly groups: ReturnType<AdamW["stateDict"]>["groups"];
}

/** A model with all that trains it, one step at a time; owns its memory. */
export class Learner {
  readonly kind: ModelKind;
  readonly model: RobertaForMaskedLM;
  readonly tokenizer: ByteLevelBpeTokenizer;
  readonly optimizer: AdamW;
  readonly batch: number;
  readonly device: Backend;
  private readonly blocks: Blocks;
  private readonly collator: MlmCollator;
  private readonly sampler: BatchSampler;
  private readonly training: TrainerOptions<Inputs>;
  private readonly trainer: Trainer<Inputs>;
  /** Steps of earlier lives. */
  private readonly before: number;
  private taken = 0;
  private lastLoss = NaN;

  constructor(options: LearnerOptions, state?: { readonly saved: LearnerState; readonly tensors: TensorMap }) {
    const { kind, model, tokenizer, blocks, device, lr } = options;
    this.kind = kind;
    this.model = model;
    this.tokenizer = tokenizer;
    this.blocks = blocks;
    this.device = device;
    this.before = options.step ?? 0;
    this.batch = Math.min(options.batch, blocks.train.count);
    this.optimizer = new AdamW(weightDecayGroups(model, { weightDecay: 0.01 }), { lr, betas: [0.9, 0.98] });
    this.sampler = new BatchSampler({ size: blocks.train.count, batchSize: this.batch, seed: SEED, dropLast: true });
    this.collator = collatorOf(tokenizer);
    if (state) {
      this.optimizer.loadStateDict({ groups: state.saved.groups, tensors: state.tensors });
      this.sampler.load(state.saved.batches);
    }
    this.training = {
      // Its loss is there when there are labels, which types cannot know.
      model: model as TrainableModel<Inputs>,
      optimizer: this.optimizer,
      // A moment's memory is of the old gradients: what went on before needs no warm-up.
      ...(state ? {} : { schedule: constantWarmup(this.optimizer, { warmupSteps: WARMUP_STEPS }) }),
      batches: maskedLMBatches({
        blocks: blocks.train,
        sampler: this.sampler,
        collator: this.collator,
        seed: SEED,
        device,
      }),
      steps: 1,
      maxGradNorm: 1,
      loggingSteps: 1,
      onProgress: ({ loss }) => {
        this.lastLoss = loss;
      },
    };
    this.trainer = new Trainer(this.training);
  }

  get step(): number {
    return this.before + this.taken;
  }

  get tokensPerStep(): number {
    return this.batch * BLOCK_TOKENS;
  }

  /** One step. @throws NonFiniteError when the loss or a gradient is no number; the model is as it was before */
  async advance(): Promise<StepPoint> {
    this.training.steps = this.taken + 1;
    const start = performance.now();
    await this.trainer.train();
    this.taken++;
    return { step: this.step, loss: this.lastLoss, ms: performance.now() - start };
  }

  /** The mean loss on blocks that are not trained on, their masks always the same. */
  async evaluate(): Promise<number> {
    const { heldOut } = this.blocks;
    const batches = maskedLMEpoch({ blocks: heldOut, collator: this.collator, batchSize: 16, seed: SEED });
    return (await evaluateMaskedLM(this.model, batches, { device: this.device })).loss;
  }

  /** Batches of the training texts in another order: to measure with, so that the training's own go on undisturbed. */
  probeBatches(): BatchSource<Inputs> {
    const { blocks, batch, collator, device } = this;
    const sampler = new BatchSampler({ size: blocks.train.count, batchSize: batch, seed: PROBE_SEED + this.step });
    return maskedLMBatches({ blocks: blocks.train, sampler, collator, seed: PROBE_SEED, device });
  }

  /** From the next step on. */
  setRate(lr: number): void {
    for (const group of this.optimizer.groups) group.lr = group.initialLr = lr;
  }

  /** Everything, as files: a Hugging Face folder, and what the optimiser remembers. */
  async save(format: "sparse" | "dense" = "sparse"): Promise<{ files: FileMap; state: LearnerState }> {
    const folder = new MemoryFolder("saved");
    await this.model.savePretrained(folder, { format, files: this.tokenizer.toFiles() });
    const { groups, tensors } = this.optimizer.stateDict();
    const memory = await Promise.all(
      [...tensors].map(
        async ([name, x]) => [name, { shape: x.shape, dtype: x.dtype, data: await x.data() }] as [string, HostTensor],
      ),
    );
    await folder.write(new Map([[OPTIMIZER, writeSafetensors(new Map(memory))]]));
    const files = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const name of await folder.list()) files.set(name, (await folder.read(name)) as Uint8Array<ArrayBuffer>);
    const { kind, step, batch } = this;
    const lr = this.optimizer.groups[0]!.initialLr ?? this.optimizer.groups[0]!.lr;
    return { files, state: { kind, step, lr, batch, batches: this.sampler.state, groups } };
  }

  /** A learner that goes on where a saved one stood. */
  static async load(
    files: FileMap,
    saved: LearnerState,
    place: { readonly blocks: Blocks; readonly device: Backend },
  ): Promise<Learner> {
    const { model, tokenizer } = await loadFolder(files, saved.kind, place.device);
    try {
      const { tensors } = readSafetensors(files.get(OPTIMIZER)!);
      return new Learner({ ...saved, ...place, model, tokenizer }, { saved, tensors });
    } catch (error) {
      model.dispose();
      throw error;
    }
  }

  dispose(): void {
    this.optimizer.dispose();
    this.model.dispose();
  }
}

type TensorMap = ReadonlyMap<string, HostTensor>;

const collatorOf = (tokenizer: ByteLevelBpeTokenizer): MlmCollator =>
  new MlmCollator({
    maskTokenId: tokenizer.maskTokenId,
    padTokenId: tokenizer.padTokenId,
    vocabSize: tokenizer.vocabSize,
    specialTokenIds: tokenizer.specialTokenIds,
    maskProbability: MASK_PROBABILITY,
  });

/** The model and the tokenizer of a Hugging Face folder. */
export const loadFolder = async (
  files: FileMap,
  kind: ModelKind,
  device: Backend,
): Promise<{ model: RobertaForMaskedLM; tokenizer: ByteLevelBpeTokenizer }> => {
  const folder = new MemoryFolder("the checkpoint", Object.fromEntries(files));
  const tokenizer = await loadTokenizer(folder);
  const { model } = await modelKinds[kind].load(folder);
  await model.to(device);
  return { model, tokenizer };
};
