// The errors alone: tokenizers work without a device.
import { TesseraError } from "@tessera/tensor/error";

/**
 * What a tokenizer throws on purpose: a malformed file, an option outside its domain, a token that does not exist,
 * an empty corpus. The message reads `op: what was expected, what came; what to do`.
 */
export class TokenizerError extends TesseraError {
  override name = "TokenizerError";
}
