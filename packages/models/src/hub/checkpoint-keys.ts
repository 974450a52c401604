import type { Module } from "@tessera/nn";
import type { SparseLayouts } from "@tessera/sparse";
import type { HostTensor, Tensor } from "@tessera/tensor";

/** Buffers that older versions wrote and models no longer have. */
const STALE = /(^|\.)(position_ids|token_type_ids)$/;

/** What an architecture says of the keys in its checkpoints. */
export interface CheckpointNames {
  /** What the model without a head is called inside of one with a head. */
  readonly baseModelPrefix: string;
  /**
   * The paths of all heads of the architecture, in a model with a head: `lm_head`, `roberta.pooler`. Those that a model has may
   * start afresh, as a whole; those that it has not stay in the file.
   */
  readonly heads: readonly string[];
  /** Buffers that older files of this architecture have and its models do not: dropped. */
  readonly stale?: RegExp | null;
}

/** What a checkpoint holds: tensors, and the description of those layers that are block-sparse. */
export interface CheckpointContents<T = HostTensor> {
  readonly tensors: ReadonlyMap<string, T>;
  readonly layouts: SparseLayouts;
}

/** A checkpoint's contents under a model's own keys. */
export interface AlignedCheckpoint<T = HostTensor> {
  readonly layouts: SparseLayouts;
  readonly state: ReadonlyMap<string, T | Tensor>;
  /** Of a head that the checkpoint does not have: they keep their first values. */
  readonly missingKeys: readonly string[];
  /** Of heads that the model does not have. */
  readonly unexpectedKeys: readonly string[];
}

const isUnder = (key: string, paths: readonly string[]): boolean => paths.some((path) => key.startsWith(`${path}.`));

/** A key without the prefix of the body, if it has that. */
const bare = (key: string, body: string): string => (key.startsWith(body) ? key.slice(body.length) : key);

/** TensorFlow's names, in files that came from there. */
const modern = (key: string): string => key.replace(/\.gamma$/, ".weight").replace(/\.beta$/, ".bias");

/**
 * Brings the keys of a checkpoint to those of a model, as Hugging Face's loader does: the prefix of the body comes or goes, stale
 * buffers and second names of tied weights are dropped, heads that only one side has are left out and named.
 * What else does not fit stays in, for a strict load to refuse.
 */
export const alignCheckpointKeys = <T>(
  model: Module,
  { baseModelPrefix, heads, stale }: CheckpointNames,
  { tensors, layouts }: CheckpointContents<T>,
): AlignedCheckpoint<T> => {
  const own = model.stateDict();
  const aliases = new Map(
    [...model.aliases()].flatMap(([first, others]) => others.map((other) => [other, first] as const)),
  );
  const body = `${baseModelPrefix}.`;
  const wantsPrefix = [...own.keys()].some((key) => key.startsWith(body));
  const prefixed = [...tensors.keys()].some((key) => key.startsWith(body));
  /** Heads outside of the body never have its prefix. */
  const outside = heads.filter((head) => !head.startsWith(body));
  const rename = (name: string): string => {
    const key = modern(name);
    if (prefixed === wantsPrefix) return key;
    if (prefixed) return bare(key, body);
    return isUnder(key, outside) ? key : `${body}${key}`;
  };
  const paths = wantsPrefix ? heads : heads.map((head) => bare(head, body));
  const mine = paths.filter((path) => [...own.keys()].some((key) => isUnder(key, [path])));
  const foreign = paths.filter((path) => !mine.includes(path));
  const state = new Map<string, T | Tensor>();
  const unexpectedKeys: string[] = [];
  for (const [name, value] of tensors) {
    const key = rename(name);
    const known = own.has(key) || aliases.has(key);
    if (known) state.set(key, value);
    else if (isUnder(key, foreign)) unexpectedKeys.push(name);
    else if (!STALE.test(key) && !stale?.test(key)) state.set(key, value);
  }
  for (const [alias, first] of aliases) if (state.has(first)) state.delete(alias);
  const fresh = mine.filter((path) => ![...state.keys()].some((key) => isUnder(key, [path])));
  const missingKeys = [...own.keys()].filter((key) => isUnder(key, fresh) && !state.has(key));
  for (const key of missingKeys) state.set(key, own.get(key)!);
  const named = Object.entries(layouts).map(([path, layout]) => [rename(path), layout] as const);
  return {
    state,
    missingKeys,
    unexpectedKeys,
    layouts: Object.fromEntries(named.filter(([path]) => !isUnder(`${path}.`, foreign))),
  };
};
