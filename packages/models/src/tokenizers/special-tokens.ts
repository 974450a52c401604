import { excerpt } from "@tessera/tensor/files";
import { TokenizerError } from "./tokenizer-error.ts";

/** The names of the tokens with a role. */
export interface SpecialTokens {
  /** Stands before a text: `<s>`, BERT's `[CLS]`. */
  bos: string;
  pad: string;
  /** Stands behind a text: `</s>`, BERT's `[SEP]`. */
  eos: string;
  unk: string;
  mask: string;
}

/** RoBERTa's names, in the order of their ids. */
export const ROBERTA_SPECIAL_TOKENS: Readonly<SpecialTokens> = {
  bos: "<s>",
  pad: "<pad>",
  eos: "</s>",
  unk: "<unk>",
  mask: "<mask>",
};

/** BERT's names; a text stands between `[CLS]` and `[SEP]`. */
export const BERT_SPECIAL_TOKENS: Readonly<SpecialTokens> = {
  pad: "[PAD]",
  unk: "[UNK]",
  bos: "[CLS]",
  eos: "[SEP]",
  mask: "[MASK]",
};

/** What tokens with a role are usually called, the most specific first. */
const USUAL: Readonly<Record<keyof SpecialTokens, readonly string[]>> = {
  bos: ["<s>", "[CLS]", "<|begin_of_text|>", "<|endoftext|>", "<bos>"],
  pad: ["<pad>", "[PAD]", "<|finetune_right_pad_id|>", "<|pad|>"],
  eos: ["</s>", "[SEP]", "<|end_of_text|>", "<|endoftext|>", "<eos>"],
  unk: ["<unk>", "[UNK]", "<|endoftext|>"],
  mask: ["<mask>", "[MASK]"],
};

/** The tokens with a role: those that the user names, or else those that the vocabulary has under their usual names. */
export class SpecialRoles {
  constructor(
    private readonly ids: ReadonlyMap<string, number>,
    private readonly named: { readonly [role in keyof SpecialTokens]?: string | undefined },
  ) {}

  /** @throws {TokenizerError} if the vocabulary has no token for the role */
  nameOf(role: keyof SpecialTokens): string {
    const own = this.named[role];
    const name = own ?? USUAL[role].find((usual) => this.ids.has(usual));
    if (name !== undefined && this.ids.has(name)) return name;
    const expected = own === undefined ? USUAL[role].map((usual) => excerpt(usual)).join(" or ") : excerpt(own);
    throw new TokenizerError(
      `tokenizer: expected ${role === "eos" || role === "unk" ? "an" : "a"} ${role} token ${expected}, got a vocabulary without it; name yours in specialTokens`,
    );
  }

  idOf(role: keyof SpecialTokens): number {
    return this.ids.get(this.nameOf(role))!;
  }
}
