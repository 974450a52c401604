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
  muonGroups,
  Trainer,
  weightDecayGroups,
  type BatchSource,
  type TrainerOptions,
} from "@tessera/models/training";
import { AdamW, CombinedOptimizer, constantWarmup, Muon, type Module, type Optimizer } from "@tessera/nn";
import { readSafetensors, writeSafetensors, type Backend, type HostTensor } from "@tessera/tensor";
import { BLOCK_TOKENS, modelKinds } from "./model-kinds.ts";
import type { ModelKind } from "./model-titles.ts";
import type { FileMap, StepPoint } from "./protocol.ts";
import type { Corpus } from "./texts.ts";

/** The demo's recipe: small batches, and much masking, teach most with few tokens. */
const MASK_PROBABILITY = 0.4;
/** Muon's learning rate for each of AdamW's. */
const MUON_RATE = 5;
const WEIGHT_DECAY = 0.1;
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
  readonly groups: ReturnType<Optimizer["stateDict"]>["groups"];
}

/** A model with all that trains it, one step at a time; owns its memory. */
export class Learner {
  readonly kind: ModelKind;
  readonly model: RobertaForMaskedLM;
  readonly tokenizer: ByteLevelBpeTokenizer;
  optimizer: Optimizer;
  readonly batch: number;
  readonly device: Backend;
  private readonly blocks: Blocks;
  private readonly collator: MlmCollator;
  private readonly sampler: BatchSampler;
  private readonly batches: BatchSource<Inputs>;
  private training: TrainerOptions<Inputs>;
  private trainer: Trainer<Inputs>;
  private rate: number;
  /** Steps before the trainer's first. */
  private before: number;
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
    this.rate = lr;
    this.optimizer = optimizerOf(model, lr);
    this.sampler = new BatchSampler({ size: blocks.train.count, batchSize: this.batch, seed: SEED, dropLast: true });
    this.collator = collatorOf(tokenizer);
    if (state) {
      this.sampler.load(state.saved.batches);
      if (state.tensors.size > 0) this.optimizer.loadStateDict({ groups: state.saved.groups, tensors: state.tensors });
    }
    const { sampler, collator } = this;
    this.batches = maskedLMBatches({ blocks: blocks.train, sampler, collator, seed: SEED, device });
    // A memory of gradients that is there already needs no warm-up.
    [this.training, this.trainer] = this.makeTrainer(state ? 0 : WARMUP_STEPS);
  }

  /** Its groups as the model is now, with all that the optimiser remembers. */
  renewOptimizer(): void {
    const old = this.optimizer;
    const { tensors } = old.stateDict();
    this.optimizer = optimizerOf(this.model, this.rate);
    if (tensors.size > 0) this.optimizer.loadStateDict({ groups: this.optimizer.stateDict().groups, tensors });
    old.dispose();
    this.before = this.step;
    this.taken = 0;
    [this.training, this.trainer] = this.makeTrainer(0);
  }

  private makeTrainer(warmupSteps: number): [TrainerOptions<Inputs>, Trainer<Inputs>] {
    const { optimizer, batches } = this;
    const options: TrainerOptions<Inputs> = {
      // Its loss is there when there are labels, which types cannot know.
      model: this.model,
      optimizer,
      batches,
      ...(warmupSteps > 0 ? { schedule: constantWarmup(optimizer, { warmupSteps }) } : {}),
      steps: 1,
      maxGradNorm: 1,
      loggingSteps: 1,
      onProgress: ({ loss }) => {
        this.lastLoss = loss;
      },
    };
    return [options, new Trainer(options)];
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
    const factor = lr / this.rate;
    this.rate = lr;
    for (const group of this.optimizer.groups) {
      if (group.initialLr !== undefined) group.initialLr *= factor;
      group.lr *= factor;
    }
    // The schedule of a warm-up remembers the old rates.
    this.before = this.step;
    this.taken = 0;
    [this.training, this.trainer] = this.makeTrainer(0);
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
    const { kind, step, batch, rate: lr } = this;
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

/** Muon for the matrices of the layers, AdamW for the rest, with the demo's ratio of their rates. */
const optimizerOf = (model: Module, lr: number): Optimizer => {
  const { groups, params } = muonGroups(model, { lr: MUON_RATE * lr, weightDecay: WEIGHT_DECAY });
  const others = weightDecayGroups(model, { weightDecay: WEIGHT_DECAY, without: params });
  return new CombinedOptimizer({
    muon: new Muon(groups, { nsSteps: 3 }),
    adamw: new AdamW(others, { lr, betas: [0.9, 0.98] }),
  });
};

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
