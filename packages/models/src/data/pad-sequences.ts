import { DataError } from "./data-error.ts";

export interface PadOptions {
  padTokenId: number;
  /** Rounds the length up; not beyond `maxLength`. Default 1. */
  padToMultipleOf?: number | undefined;
  /** A longer sequence is cut, and keeps its last id (`</s>`). */
  maxLength?: number | undefined;
}

/** Sequences of one length. Shape: `[batch, length]`, row by row. */
export interface PaddedSequences {
  inputIds: Int32Array;
  /** 1 on a token, 0 on padding. */
  attentionMask: Int32Array;
  shape: [batch: number, length: number];
}

/** Pads sequences on the right to the longest of them. */
export const padSequences = (
  sequences: readonly ArrayLike<number>[],
  { padTokenId, padToMultipleOf = 1, maxLength = Infinity }: PadOptions,
): PaddedSequences => {
  if (sequences.length === 0)
    throw new DataError("collate: expected at least one sequence, got none; skip empty batches");
  if (!Number.isInteger(padToMultipleOf) || padToMultipleOf < 1) {
    throw new DataError(`collate: expected padToMultipleOf ≥ 1, got ${padToMultipleOf}; use 8`);
  }
  if (!(maxLength >= 1)) throw new DataError(`collate: expected maxLength ≥ 1, got ${maxLength}; raise it`);
  const longest = sequences.reduce((max, ids) => Math.max(max, ids.length), 0);
  const length = Math.min(maxLength, Math.ceil(longest / padToMultipleOf) * padToMultipleOf);
  const inputIds = new Int32Array(sequences.length * length).fill(padTokenId);
  const attentionMask = new Int32Array(sequences.length * length);
  sequences.forEach((ids, row) => {
    const kept = Math.min(ids.length, length);
    const start = row * length;
    for (let i = 0; i < kept; i++) inputIds[start + i] = ids[i]!;
    if (kept < ids.length) inputIds[start + kept - 1] = ids[ids.length - 1]!;
    attentionMask.fill(1, start, start + kept);
  });
  return { inputIds, attentionMask, shape: [sequences.length, length] };
};
