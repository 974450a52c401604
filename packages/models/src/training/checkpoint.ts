import type { CallbackState, Module, Optimizer } from "@tessera/nn";
import {
  FormatError,
  readSafetensors,
  writeSafetensors,
  type GeneratorState,
  Tensor,
  type HostTensor,
} from "@tessera/tensor";
import type { FileStore } from "../hub/file-store.ts";

/** Numbers of an evaluation, by name. */
export type Metrics = Readonly<Record<string, number>>;

/** All that a training is, beside its tensors. */
export interface TrainingState {
  /** Steps that were taken. */
  step: number;
  /** Of the last report. */
  loss: number | null;
  /** Of the steps since then. */
  lossSum: number;
  lossCount: number;
  tokens: number;
  /** Time spent on steps. */
  seconds: number;
  /** Where the source of batches stands. */
  batches: unknown;
  generators: Record<string, GeneratorState>;
  schedule: unknown;
  /** The groups of the optimiser, with their options. */
  groups: readonly unknown[];
  /** Whether multiply-adds were fused: going on under the other mode changes the last bits. */
  fusesMultiplyAdd: boolean;
  /** What a resumed training should have in common with this one. */
  settings: Record<string, number | null>;
  /** The last evaluation. */
  metrics: Metrics | null;
  /** Why a callback ended the training; absent in checkpoints of earlier versions. */
  stopReason?: string | null;
  /** What each callback keeps beside tensors, by its name; absent likewise. */
  callbacks?: Record<string, unknown>;
}

/** A checkpoint as it comes back from its file. */
export interface LoadedCheckpoint {
  readonly state: TrainingState;
  readonly model: ReadonlyMap<string, HostTensor>;
  readonly optimizer: ReadonlyMap<string, HostTensor>;
  /** Of the callbacks, under `name/`. */
  readonly callbacks: ReadonlyMap<string, HostTensor>;
}

const VERSION = "1";

/** The values as they are at the time of the call. */
export const snapshot = async (
  prefix: string,
  tensors: ReadonlyMap<string, Tensor | HostTensor>,
): Promise<[string, HostTensor][]> =>
  Promise.all(
    [...tensors].map(async ([name, x]): Promise<[string, HostTensor]> => {
      const { shape, dtype } = x;
      return [`${prefix}${name}`, { shape, dtype, data: x instanceof Tensor ? await x.data() : x.data }];
    }),
  );

/**
 * Writes everything into one file, which is replaced as a whole: there is always one good checkpoint. Its tensors are the
 * model's, under `model.`, the optimiser's, under `optimizer.`, and the callbacks', under `callback.name/`; the rest is JSON in the file's metadata.
 */
export const writeCheckpoint = async (
  folder: FileStore,
  file: string,
  {
    model,
    optimizer,
    state,
    callbacks,
  }: {
    readonly model: Module;
    readonly optimizer: Optimizer;
    readonly state: TrainingState;
    readonly callbacks: ReadonlyMap<string, CallbackState>;
  },
): Promise<void> => {
  const parts = await Promise.all([
    snapshot("model.", model.stateDict()),
    snapshot("optimizer.", optimizer.stateDict().tensors),
    ...[...callbacks].map(([name, { tensors }]) => snapshot(`callback.${name}/`, tensors)),
  ]);
  const kept = Object.fromEntries([...callbacks].map(([name, { json }]) => [name, json] as const));
  const metadata = { tessera: VERSION, training: JSON.stringify({ ...state, callbacks: kept }) };
  await folder.write(new Map([[file, writeSafetensors(new Map(parts.flat()), metadata)]]));
};

/** @throws FormatError when the file is damaged, or no checkpoint of a training */
export const readCheckpoint = async (folder: FileStore, file: string): Promise<LoadedCheckpoint> => {
  const { tensors, metadata } = readSafetensors(await folder.read(file));
  const { tessera, training } = metadata;
  if (tessera !== VERSION || training === undefined)
    throw new FormatError(
      `${folder.name}/${file}: expected a checkpoint of a training (version ${VERSION}), got ${tessera === undefined ? "another file" : `version ${tessera}`}`,
    );
  const part = (prefix: string): Map<string, HostTensor> =>
    new Map(
      [...tensors].flatMap(([name, value]) =>
        name.startsWith(prefix) ? [[name.slice(prefix.length), value] as const] : [],
      ),
    );
  return {
    state: JSON.parse(training) as TrainingState,
    model: part("model."),
    optimizer: part("optimizer."),
    callbacks: part("callback."),
  };
};
