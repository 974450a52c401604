import { Gradients } from "@tessera/autograd";
import {
  Adafactor,
  Adam,
  AdamW,
  clipGradNorm,
  cosineWarmup,
  linearWarmup,
  Muon,
  RMSprop,
  SGD,
  type AdjustLr,
  type NamedParameters,
  type Optimizer,
  type Schedule,
} from "@tessera/nn";
import { Parameter, scope, tensor, type Backend, type HostTensor } from "@tessera/tensor";
import { difference, valuesOf } from "../support/close.ts";
import type { GoldenFolder, GoldenTensors } from "./folder.ts";
import type { CaseResult } from "./result.ts";

/** One of PyTorch's traces: a parameter after every step, for gradients that are given. */
interface Trace {
  readonly id: string;
  readonly optimizer: string;
  readonly options: Options;
  readonly clip?: number | null;
  readonly lrs: readonly number[];
  readonly schedule?: string;
}

/** Torch's options by torch's names. */
type Options = { readonly [name: string]: unknown };

/** Every optimiser by torch's name, made of torch's options. */
const optimisers: { readonly [name: string]: (params: NamedParameters, options: Options) => Optimizer } = {
  SGD: (params, options) => {
    const { momentum, dampening, nesterov } = options as { momentum: number; dampening: number; nesterov: boolean };
    return new SGD(params, { ...common(options), momentum, dampening, nesterov });
  },
  Adam: (params, options) => new Adam(params, { ...common(options), ...adam(options) }),
  AdamW: (params, options) => new AdamW(params, { ...common(options), ...adam(options) }),
  Adafactor: (params, options) => {
    const { eps, d } = options as { eps: readonly [number | null, number]; d: number };
    return new Adafactor(params, { ...common(options), eps, d, beta2Decay: options["beta2_decay"] as number });
  },
  RMSprop: (params, options) => {
    const { alpha, eps, momentum, centered } = options as {
      alpha: number;
      eps: number;
      momentum: number;
      centered: boolean;
    };
    return new RMSprop(params, { ...common(options), alpha, eps, momentum, centered });
  },
  Muon: (params, options) => {
    const { momentum, nesterov, eps } = options as { momentum: number; nesterov: boolean; eps: number };
    return new Muon(params, {
      ...common(options),
      momentum,
      nesterov,
      eps,
      nsCoefficients: options["ns_coefficients"] as [number, number, number],
      nsSteps: options["ns_steps"] as number,
      adjustLrFn: options["adjust_lr_fn"] as AdjustLr,
    });
  },
};

const common = (options: Options) => ({ lr: options["lr"] as number, weightDecay: options["weight_decay"] as number });

const adam = ({ betas, eps }: Options) => ({ betas: betas as [number, number], eps: eps as number });

/** Of the largest value of the parameter. */
const TOLERANCE = { relative: 2e-6 };

/** Every trace of optim.json, step by step. */
export async function* checkOptimisers(folder: GoldenFolder, device: Backend): AsyncGenerator<CaseResult> {
  const stored = await folder.tensors("optim.safetensors");
  for (const trace of await folder.json<readonly Trace[]>("optim.json")) {
    if (!Object.hasOwn(optimisers, trace.optimizer)) {
      yield { id: trace.id, missing: trace.optimizer };
      continue;
    }
    try {
      yield { id: trace.id, failures: await follow(trace, stored, device) };
    } catch (error) {
      yield { id: trace.id, failures: [String(error)] };
    }
  }
}

const follow = async (trace: Trace, stored: GoldenTensors, device: Backend): Promise<string[]> => {
  const golden = (name: string): HostTensor => stored.get(`${trace.id}/${name}`, [1]);
  const upload = ({ data, shape }: HostTensor) => tensor(data, shape, { device });
  const parameter = new Parameter(upload(golden("init")));
  const optimizer = optimisers[trace.optimizer]!(new Map([["p", parameter]]), trace.options);
  const schedule = scheduleOf(trace, optimizer);
  const failures: string[] = [];
  for (const [step, lr] of trace.lrs.entries()) {
    const rate = optimizer.groups[0]!.lr;
    if (Math.abs(rate - lr) > 1e-12) failures.push(`learning rate of step ${step}: got ${rate}, expected ${lr}`);
    scope((): void => {
      const grads = new Gradients([["p", upload(golden(`grad${step}`))]]);
      if (typeof trace.clip === "number") clipGradNorm(grads, trace.clip);
      optimizer.step(grads);
    });
    schedule?.step();
    const { data, shape } = golden(`param${step}`);
    const why = difference(await valuesOf(parameter), { shape, dtype: "float32", values: data }, TOLERANCE);
    if (why) failures.push(`after step ${step}: ${why}`);
  }
  optimizer.dispose();
  parameter.dispose();
  return failures;
};

/** "linear warmup 3 total 8"; without one, the learning rate that the trace gives for its first step stays. */
const scheduleOf = ({ schedule }: Trace, optimizer: Optimizer): Schedule | null => {
  if (schedule === undefined) return null;
  const [, kind, warmup, total] = /^(linear|cosine) warmup (\d+) total (\d+)$/.exec(schedule) ?? [];
  const lengths = { warmupSteps: Number(warmup), totalSteps: Number(total) };
  if (kind === "linear") return linearWarmup(optimizer, lengths);
  if (kind === "cosine") return cosineWarmup(optimizer, lengths);
  throw new Error(`no schedule reads "${schedule}"`);
};
