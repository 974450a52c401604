import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ByteLevelBpeTokenizer, trainBpe } from "@tessera/models/tokenizers";
import type { CaseResult } from "./result.ts";

interface GoldenEncoding {
  readonly text: string;
  readonly ids: readonly number[];
  readonly tokens: readonly string[];
  readonly decoded: string;
}

/** Each test string, encoded without added specials and decoded again; and the merges that training on corpus.txt gives. */
export function* checkTokenizer(path: string): Generator<CaseResult> {
  const read = (name: string): string => readFileSync(join(path, name), "utf8");
  const tokenizer = existsSync(join(path, "tokenizer.json"))
    ? ByteLevelBpeTokenizer.fromJSON(read("tokenizer.json"))
    : ByteLevelBpeTokenizer.fromFiles(read("vocab.json"), read("merges.txt"));
  for (const [i, golden] of (JSON.parse(read("encodings.json")) as GoldenEncoding[]).entries()) {
    const { ids, tokens } = tokenizer.encode(golden.text, { addSpecialTokens: false });
    const failures = [
      ...unequal("ids", [...ids], golden.ids),
      ...unequal("tokens", tokens, golden.tokens),
      ...unequal("decoded", tokenizer.decode(golden.ids), golden.decoded),
    ];
    yield { id: `tokenizer/${i} ${JSON.stringify(golden.text.slice(0, 40))}`, failures };
  }
  const vocabSize = Object.keys(JSON.parse(read("vocab.json")) as object).length;
  const trained = ByteLevelBpeTokenizer.fromModel(trainBpe(read("corpus.txt").split("\n"), { vocabSize }));
  yield { id: "tokenizer/merges", failures: unequal("merges.txt", trained.toFiles()["merges.txt"], read("merges.txt")) };
}

const unequal = (what: string, got: unknown, want: unknown): string[] =>
  JSON.stringify(got) === JSON.stringify(want) ? [] : [`${what}: got ${short(got)}, expected ${short(want)}`];

const short = (value: unknown): string => {
  const text = JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
};
