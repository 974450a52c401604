import { openFolder } from "@tessera/models";
import { ByteLevelBpeTokenizer, trainBpeAsync } from "@tessera/models/tokenizers";
import { Interrupted } from "../terminal/command-error.ts";
import { formatCount } from "../terminal/format.ts";
import type { Supervision } from "./train-model.ts";

/** Trains a byte-level BPE tokenizer. @throws {Interrupted} when it is stopped */
export const trainTokenizer = async (
  texts: readonly string[],
  vocabSize: number,
  { terminal, stop }: Supervision,
): Promise<ByteLevelBpeTokenizer> => {
  const bar = terminal.startProgress("tokenizer", vocabSize);
  try {
    const model = await trainBpeAsync(texts, {
      vocabSize,
      onProgress: ({ tokens }) => bar.update(tokens, `${formatCount(tokens)} tokens`),
      shouldStop: () => stop.aborted,
    });
    return ByteLevelBpeTokenizer.fromModel(model);
  } catch (error) {
    if (stop.aborted) throw new Interrupted("stopped while learning the tokenizer");
    throw error;
  } finally {
    bar.stop();
  }
};

/** Writes the files of a tokenizer: all of them or none. */
export const saveTokenizer = async (tokenizer: ByteLevelBpeTokenizer, folder: string): Promise<void> => {
  const encoder = new TextEncoder();
  const files = Object.entries(tokenizer.toFiles()).map(([name, text]) => [name, encoder.encode(text)] as const);
  await (await openFolder(folder)).write(new Map(files));
};
