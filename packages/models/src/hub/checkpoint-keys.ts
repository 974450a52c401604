import type { Module } from "@tessera/nn";
import type { SparseLayouts } from "@tessera/sparse";
import type { HostTensor, Tensor } from "@tessera/tensor";

/** Heads of Hugging Face's RoBERTa classes: a model without one leaves its weights in the file. */
const HEADS = ["lm_head", "classifier", "qa_outputs", "pooler"];
/** Buffers that older versions wrote and nobody needs. */
const STALE = /(^|\.)(position_ids|token_type_ids)$/;
const BODY = "roberta.";

/** What a checkpoint holds: tensors, and the description of those layers that are block-sparse. */
export interface CheckpointContents {
  readonly tensors: ReadonlyMap<string, HostTensor>;
  readonly layouts: SparseLayouts;
}

/** A checkpoint's contents under a model's own keys. */
export interface AlignedCheckpoint {
  readonly layouts: SparseLayouts;
  readonly state: ReadonlyMap<string, HostTensor | Tensor>;
  /** Of a head that the checkpoint does not have: they keep their first values. */
  readonly missingKeys: readonly string[];
  /** Of heads that the model does not have. */
  readonly unexpectedKeys: readonly string[];
}

const isUnder = (key: string, names: readonly string[]): boolean =>
  names.some((name) => key.startsWith(`${name}.`) || key.startsWith(`${BODY}${name}.`));

/** TensorFlow's names, in files that came from there, and the prefix that a model with a head has and one without has not. */
const rename = (key: string, prefixed: boolean, wantsPrefix: boolean): string => {
  const modern = key.replace(/\.gamma$/, ".weight").replace(/\.beta$/, ".bias");
  if (prefixed === wantsPrefix) return modern;
  if (prefixed) return modern.startsWith(BODY) ? modern.slice(BODY.length) : modern;
  return isUnder(
    modern,
    HEADS.filter((head) => head !== "pooler"),
  )
    ? modern
    : `${BODY}${modern}`;
};

/**
 * Brings the keys of a checkpoint to those of a model, as Hugging Face's loader does: the `roberta.` prefix comes or goes, stale
 * buffers and second names of tied weights are dropped, heads that only one side has are left out and named.
 * What else does not fit stays in, for a strict load to refuse.
 *
 * @param heads the modules of the model that may start afresh, as a whole
 */
export const alignCheckpointKeys = (
  model: Module,
  heads: readonly string[],
  { tensors, layouts }: CheckpointContents,
): AlignedCheckpoint => {
  const own = model.stateDict();
  const aliases = new Map(
    [...model.aliases()].flatMap(([first, others]) => others.map((other) => [other, first] as const)),
  );
  const wantsPrefix = [...own.keys()].some((key) => key.startsWith(BODY));
  const prefixed = [...tensors.keys()].some((key) => key.startsWith(BODY));
  const foreign = HEADS.filter((head) => !heads.includes(head));
  const state = new Map<string, HostTensor | Tensor>();
  const unexpectedKeys: string[] = [];
  for (const [name, value] of tensors) {
    const key = rename(name, prefixed, wantsPrefix);
    const known = own.has(key) || aliases.has(key);
    if (known) state.set(key, value);
    else if (isUnder(key, foreign)) unexpectedKeys.push(name);
    else if (!STALE.test(key)) state.set(key, value);
  }
  for (const [alias, first] of aliases) if (state.has(first)) state.delete(alias);
  const fresh = heads.filter((head) => ![...state.keys()].some((key) => isUnder(key, [head])));
  const missingKeys = [...own.keys()].filter((key) => isUnder(key, fresh) && !state.has(key));
  for (const key of missingKeys) state.set(key, own.get(key)!);
  const named = Object.entries(layouts).map(([path, layout]) => [rename(path, prefixed, wantsPrefix), layout] as const);
  return {
    state,
    missingKeys,
    unexpectedKeys,
    layouts: Object.fromEntries(named.filter(([path]) => !isUnder(`${path}.`, foreign))),
  };
};
