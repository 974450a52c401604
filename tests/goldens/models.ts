import { valueAndGrad } from "@tessera/autograd";
import { findModelClass, MemoryFolder, weightDecayGroups, type GenerativeModel, type LoadableClass, type PreTrainedModel, type Task } from "@tessera/models";
import { AdamW, clipGradNorm, Linear, linearWarmup } from "@tessera/nn";
import { BlockLayout, BlockSparseLinear, BlockSparseMatrix } from "@tessera/sparse";
import { dispose, FormatError, keep, readSafetensors, scope, tensor, type Backend, type HostTensor, type Tensor } from "@tessera/tensor";
import { difference, valuesOf } from "../support/close.ts";
import type { GoldenFolder } from "./folder.ts";
import { checkGeneration, type GoldenGeneration } from "./generation.ts";
import type { CaseResult } from "./result.ts";

type Tensors = ReadonlyMap<string, HostTensor>;
/** By name, in camelCase: `inputIds`, `tokenTypeIds`, `labels`, … */
interface Inputs {
  readonly [name: string]: Tensor | boolean;
}
/** `loss`, `hiddenStates`, and `logits` or what the task has in their place. */
interface Output {
  readonly [name: string]: Tensor | readonly Tensor[] | undefined;
  readonly loss?: Tensor;
  readonly hiddenStates?: readonly Tensor[];
}
type Model = PreTrainedModel & { forward(inputs: Inputs): Output };
interface Training {
  readonly optimizer: string;
  readonly clip_grad_norm: number;
  readonly schedule: string;
  readonly losses: readonly number[];
  readonly grad_norms: readonly number[];
}
interface Golden {
  readonly training: Training;
  /** Which parameters escape weight decay; the oldest goldens say it beside the optimiser. */
  readonly no_decay?: string;
  /** Of a causal language model. */
  readonly generate?: readonly GoldenGeneration[];
}

interface Config {
  readonly model_type?: string;
  readonly architectures?: readonly string[];
}

/** Tasks by their names in those of folders, for a `config.json` that names no class. */
const TASKS: { readonly [name: string]: Task } = {
  mlm: "maskedLM",
  classification: "sequenceClassification",
  "token-classification": "tokenClassification",
  "question-answering": "questionAnswering",
  causal: "causalLM",
  "image-classification": "imageClassification",
};

/** @throws FormatError when there is no such class */
const classOf = (folder: string, config: Config): LoadableClass => {
  if (config.architectures) return findModelClass({ ...config });
  const task = TASKS[folder.replace(/^[^-]+-/, "").replace(/-sparse$/, "")];
  if (!task) throw new FormatError(`${folder}: expected a task among ${Object.keys(TASKS).join(", ")}`);
  return findModelClass({ ...config }, task);
};

/** What a folder's checks look at, one after the other; causal language models generate too. */
export const PARTS = ["forward", "gradients", "training"] as const;

/** Allowed errors: of the largest value for tensors, of the value for numbers, of the way gone for trained weights. */
const FORWARD = 1e-5;
const GRADIENTS = 2e-5;
const NORMS = 5e-5;
const TRAINED = 1e-3;
/** Of the model's largest gradient: where a golden in float64 is smaller, and where a gradient that is zero mathematically may be. */
const NOISE = { golden: 1e-12, ours: 1e-6 };

/**
 * Checks a folder of Hugging Face's form with goldens beside it: logits, hidden states and loss; every gradient; and an AdamW
 * trajectory, compared by losses, norms and final weights. The class is the one that `config.json` names, or else that of its architecture for the folder's task; all sizes are read from
 * the folder, and layers that it has block masks for are block-sparse here.
 *
 * @param most how many texts a causal language model continues
 */
export async function* checkModel(folder: GoldenFolder, device: Backend, max = Infinity): AsyncGenerator<CaseResult> {
  const config = await folder.json<Config>("config.json");
  let load: (folder: MemoryFolder) => Promise<Model>;
  try {
    const Class = classOf(folder.name, config);
    load = async (from) => (await Class.fromPretrained(from, { device })).model as Model;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    yield { id: folder.name, missing: `${folder.name} (${config.architectures?.[0] ?? config.model_type})` };
    return;
  }
  const golden = readSafetensors(await folder.bytes("golden.safetensors")).tensors;
  const about = await folder.json<Golden>("golden.json");
  const generations = (about.generate ?? []).slice(0, max);
  const checks = {
    forward: checkForward,
    gradients: checkGradients,
    training: checkTraining,
    generation: (model: Model) => checkGeneration(model.eval() as unknown as GenerativeModel, generations),
  };
  const files = { "config.json": await folder.bytes("config.json"), "model.safetensors": await folder.bytes("model.safetensors") };
  const pretrained = new MemoryFolder(folder.name, files);
  for (const part of [...PARTS, ...(generations.length > 0 ? (["generation"] as const) : [])]) {
    const model = patched(await load(pretrained), golden);
    const id = `${folder.name}/${part}`;
    try {
      yield { id, failures: await checks[part](model, golden, about) };
    } catch (error) {
      yield { id, failures: [`threw ${String(error)}`] };
    } finally {
      model.dispose();
    }
  }
}

/** A model whose masked layers are made block-sparse. It has no dropout, so training mode changes nothing. */
const patched = (model: Model, golden: Tensors): Model => {
  for (const [key, mask] of golden) {
    if (!key.startsWith("block_mask/")) continue;
    const path = key.slice("block_mask/".length);
    const dense = model.getSubmodule(path);
    if (!(dense instanceof Linear)) throw new Error(`${path} is not a linear layer`);
    const [rows, cols] = mask.shape as [number, number];
    const layout = BlockLayout.fromMask(Uint8Array.from(mask.data), rows, cols, dense.outFeatures / rows);
    model.setSubmodule(path, BlockSparseLinear.fromLinear(dense, { layout })).dispose();
  }
  return model.train();
};

const device = (model: Model): Backend => model.parameters()[0]!.device;

/** `token_type_ids` → `tokenTypeIds`. */
const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** The inputs of the first training step, by their names in the file: those of every batch. */
const inputNames = (golden: Tensors): string[] =>
  [...golden.keys()].flatMap((key) => (key.startsWith("train/0/") ? [key.slice("train/0/".length)] : []));

const inputsOf = (model: Model, golden: Tensors, prefix = ""): Inputs =>
  Object.fromEntries(
    inputNames(golden).map((name) => {
      const { data, shape, dtype } = golden.get(`${prefix}${name}`)!;
      return [camel(name), tensor(data, shape, { dtype: dtype === "float32" ? dtype : "int32", device: device(model) })];
    }),
  );

const compare = async (failures: string[], name: string, got: Tensor | undefined, want: HostTensor, relative: number): Promise<void> => {
  const why = got ? difference(await valuesOf(got), { ...want, values: want.data }, { relative }) : "missing";
  if (why !== null) failures.push(`${name}: ${why}`);
};

/** |got − want| ≤ tolerance · |want|; NaN is never close. */
const compareNumber = (failures: string[], name: string, got: number, want: number, tolerance: number): void => {
  const error = Math.abs(got - want) / Math.abs(want);
  if (!(error <= tolerance)) failures.push(`${name}: got ${got}, expected ${want}, relative error ${error.toExponential(2)} > ${tolerance}`);
};

const checkForward = async (model: Model, golden: Tensors): Promise<string[]> => {
  const failures: string[] = [];
  const output = scope(() => model.forward({ ...inputsOf(model, golden), outputHiddenStates: true }));
  for (const name of [...golden.keys()].filter((key) => /^([a-z]+_)?logits$/.test(key)))
    await compare(failures, name, output[camel(name)] as Tensor | undefined, golden.get(name)!, FORWARD);
  const count = [...golden.keys()].filter((key) => key.startsWith("hidden_states.")).length;
  if (output.hiddenStates?.length !== count) failures.push(`hidden_states: got ${output.hiddenStates?.length}, expected ${count}`);
  for (const [i, states] of (output.hiddenStates ?? []).entries())
    await compare(failures, `hidden_states.${i}`, states, golden.get(`hidden_states.${i}`)!, FORWARD);
  compareNumber(failures, "loss", await output.loss!.item(), golden.get("loss")!.data[0]!, FORWARD);
  dispose(output);
  return failures;
};

const checkGradients = async (model: Model, golden: Tensors): Promise<string[]> => {
  const failures: string[] = [];
  const { value, grads } = keep(scope(() => valueAndGrad(model, (inputs: Inputs) => model.forward(inputs).loss!)(inputsOf(model, golden))));
  const dense = scope(() => keep(denseByName(model, grads)));
  const noise = noiseIn(golden);
  for (const [key, want] of golden) {
    if (!key.startsWith("grad/")) continue;
    const name = key.slice("grad/".length);
    const got = dense.get(name);
    if (!noise.has(name) || !got) await compare(failures, key, got, want, GRADIENTS);
    else await compareNoisy(failures, key, { got, want, isNoise: noise.get(name)!, allowed: NOISE.ours * largestGradient(golden) });
  }
  for (const name of dense.keys()) if (!golden.has(`grad/${name}`)) failures.push(`grad/${name}: expected none, got one`);
  dispose([value, grads, dense]);
  return failures;
};

/** The largest element of any golden gradient. */
const largestGradient = (golden: Tensors): number => {
  let largest = 0;
  for (const [key, { data }] of golden)
    if (key.startsWith("grad/")) for (const value of data) largest = Math.max(largest, Math.abs(value));
  return largest;
};

/**
 * Which elements have a gradient that is zero mathematically, by parameter: a key's bias, and whatever moves all logits of a softmax alike.
 * In float64 it is noise near 1e-18; elements of such a parameter that are 0 exactly belong to it.
 */
const noiseIn = (golden: Tensors): ReadonlyMap<string, (i: number) => boolean> => {
  const limit = NOISE.golden * largestGradient(golden);
  return new Map(
    [...golden].flatMap(([key, { data }]) => {
      if (!key.startsWith("grad/") || !data.some((value) => value !== 0 && Math.abs(value) < limit)) return [];
      return [[key.slice("grad/".length), (i: number) => Math.abs(data[i]!) < limit] as const];
    }),
  );
};

/** Compares what is no noise as ever, and the noise with zero. */
const compareNoisy = async (
  failures: string[],
  name: string,
  { got, want, isNoise, allowed }: { got: Tensor; want: HostTensor; isNoise: (i: number) => boolean; allowed: number },
): Promise<void> => {
  const own = await valuesOf(got);
  const values = Array.from(own.values, (value, i) => (isNoise(i) && Math.abs(value) <= allowed ? want.data[i]! : value));
  const why = difference({ ...own, values }, { ...want, values: want.data }, { relative: GRADIENTS });
  if (why !== null) failures.push(`${name}: ${why}`);
};

/** Tensors by parameter name as files have them, those of block-sparse values written out under the dense weight's name. */
const denseByName = (model: Model, tensors: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> => {
  const modules = model.namedModules();
  const dense = new Map(
    [...tensors].map(([name, x]) => {
      const layer = modules.get(name.replace(/\.values$/, ""));
      if (!(layer instanceof BlockSparseLinear)) return [name, x.alias()] as const;
      return [name.replace(/values$/, "weight"), new BlockSparseMatrix(x.alias(), layer.layout, layer.shape).toDense()] as const;
    }),
  );
  return model.inFileLayout(dense);
};

const numberAfter = (text: string, word: string): number => {
  const found = new RegExp(`${word} ([0-9.e+-]*[0-9])`).exec(text)?.[1];
  if (found === undefined) throw new Error(`golden.json: no "${word}" in "${text}"`);
  return Number(found);
};

/** Parameters that the goldens' optimiser does not decay. */
const isSpared = (about: Golden): ((name: string) => boolean) => {
  if (about.no_decay === "bias, norm, ln_ in the name") return (name) => /bias$|norm|ln_/i.test(name);
  if (about.no_decay === undefined) return (name) => name.endsWith("bias") || name.includes("LayerNorm");
  throw new Error(`golden.json: no rule is called "${about.no_decay}"`);
};

const checkTraining = async (model: Model, golden: Tensors, about: Golden): Promise<string[]> => {
  const { training } = about;
  const failures: string[] = [];
  const initial = await hostOf(model);
  const { optimizer: recipe, schedule: plan, clip_grad_norm: maxNorm, losses, grad_norms: norms } = training;
  const [, beta1, beta2] = /betas ([0-9.]+),([0-9.]+)/.exec(recipe)!;
  const optimizer = new AdamW(weightDecayGroups(model, { weightDecay: numberAfter(recipe, "weight_decay"), spares: isSpared(about) }), {
    lr: numberAfter(recipe, "lr"),
    betas: [Number(beta1), Number(beta2)],
    eps: numberAfter(recipe, "eps"),
  });
  const schedule = linearWarmup(optimizer, { warmupSteps: numberAfter(plan, "warmup"), totalSteps: numberAfter(plan, "total") });
  const lossAndGrads = valueAndGrad(model, (inputs: Inputs) => model.forward(inputs).loss!);
  for (const [step, wantedLoss] of losses.entries()) {
    const read = scope(() => {
      const { value, grads } = lossAndGrads(inputsOf(model, golden, `train/${step}/`));
      const read = { loss: value.item(), norm: clipGradNorm(grads, maxNorm).item() };
      optimizer.step(grads);
      return read;
    });
    schedule.step();
    compareNumber(failures, `loss of step ${step}`, await read.loss, wantedLoss, FORWARD);
    compareNumber(failures, `gradient norm of step ${step}`, await read.norm, norms[step]!, NORMS);
  }
  optimizer.dispose();
  const trained = await hostOf(model);
  const noise = noiseIn(golden);
  for (const [key, { data }] of golden) {
    if (!key.startsWith("trained/")) continue;
    const name = key.slice("trained/".length);
    const [got, before] = [trained.get(name), initial.get(name)];
    // Of a gradient that is noise, Adam makes steps.
    const isNoise = noise.get(name) ?? (() => false);
    const kept = (values: ArrayLike<number>): number[] => Array.from(values).filter((_, i) => !isNoise(i));
    if (!got || !before) failures.push(`${key}: missing`);
    else compareWay(failures, key, { got: kept(got), want: kept(data), before: kept(before) });
  }
  return failures;
};

const hostOf = async (model: Model): Promise<Map<string, ArrayLike<number>>> => {
  const dense = scope(() => keep(denseByName(model, model.namedParameters())));
  const host = new Map(await Promise.all([...dense].map(async ([name, x]) => [name, await x.data()] as const)));
  dispose(dense);
  return host;
};

/** ‖got − want‖₂ ≤ TRAINED · ‖want − before‖₂. */
const compareWay = (
  failures: string[],
  name: string,
  { got, want, before }: { got: ArrayLike<number>; want: ArrayLike<number>; before: ArrayLike<number> },
): void => {
  const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
    return Math.sqrt(sum);
  };
  if (got.length !== want.length) return void failures.push(`${name}: got ${got.length} values, expected ${want.length}`);
  const [error, way] = [distance(got, want), distance(want, before)];
  if (!(error <= TRAINED * way)) failures.push(`${name}: off by ${error.toExponential(2)}, ${(error / way).toExponential(2)} of the way gone`);
};
