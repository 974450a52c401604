import type { BatchEncoding, EncodeBatchOptions, Encoding } from "./encoding.ts";
import { TokenizerError } from "./tokenizer-error.ts";

/** Encoded texts as one array. `padTokenId` is asked for only where something is padded. */
export const padEncodings = (
  encodings: readonly Pick<Encoding, "ids" | "tokenTypeIds">[],
  { padding = "longest", padToMultipleOf = 1, paddingSide = "right", maxLength }: EncodeBatchOptions,
  padTokenId: () => number,
): BatchEncoding => {
  const longest = encodings.reduce((length, { ids }) => Math.max(length, ids.length), 0);
  if (!Number.isInteger(padToMultipleOf) || padToMultipleOf < 1) {
    throw new TokenizerError(`encodeBatch: expected padToMultipleOf ≥ 1, got ${padToMultipleOf}; pass a whole number`);
  }
  if (padding === "maxLength" && (maxLength === undefined || longest > maxLength)) {
    throw new TokenizerError(
      `encodeBatch: expected a maxLength ≥ ${longest} to pad to, got ${maxLength}; set maxLength or use padding: "longest"`,
    );
  }
  const wanted = padding === "maxLength" ? maxLength! : longest;
  const length = Math.ceil(wanted / padToMultipleOf) * padToMultipleOf;
  const inputIds = new Int32Array(encodings.length * length);
  const attentionMask = new Int32Array(encodings.length * length);
  const tokenTypeIds = new Int32Array(encodings.length * length);
  encodings.forEach(({ ids, tokenTypeIds: types }, row) => {
    const start = row * length;
    const first = start + (paddingSide === "left" ? length - ids.length : 0);
    if (ids.length < length) inputIds.fill(padTokenId(), start, start + length);
    inputIds.set(ids, first);
    tokenTypeIds.set(types, first);
    attentionMask.fill(1, first, first + ids.length);
  });
  return { inputIds, attentionMask, tokenTypeIds, shape: [encodings.length, length] };
};
