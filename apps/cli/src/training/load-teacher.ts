import type { ByteLevelBpeTokenizer } from "@tessera/models/tokenizers";
import { CommandError } from "../terminal/command-error.ts";
import { loadClassifier, loadMaskedLM, type LoadedModel } from "./model-folder.ts";

const requireSameTokenizer = (folder: string, taught: ByteLevelBpeTokenizer, teacher: LoadedModel): void => {
  if (JSON.stringify(teacher.tokenizer.toFiles()) === JSON.stringify(taught.toFiles())) return;
  teacher.model.dispose();
  throw new CommandError(
    `--distil ${folder}: expected a teacher with the tokenizer of the model that it teaches, got another one; take both from one pre-training`,
  );
};

/** Loads a masked language model that teaches another. @throws {CommandError} if it reads other tokens */
export const loadMaskedLMTeacher = async (folder: string, tokenizer: ByteLevelBpeTokenizer) => {
  const teacher = await loadMaskedLM(folder);
  requireSameTokenizer(folder, tokenizer, teacher);
  return teacher.model;
};

/** Loads a classifier that teaches another. @throws {CommandError} if it reads other tokens or knows other labels */
export const loadClassifierTeacher = async (
  folder: string,
  tokenizer: ByteLevelBpeTokenizer,
  labels: readonly string[],
) => {
  const teacher = await loadClassifier(folder);
  requireSameTokenizer(folder, tokenizer, teacher);
  const known = Object.values(teacher.model.config.id2label);
  if (known.join("\n") === labels.join("\n")) return teacher.model;
  teacher.model.dispose();
  throw new CommandError(
    `--distil ${folder}: expected a teacher with the labels ${labels.join(", ")}, got ${known.join(", ")}; fine-tune it on the same ones`,
  );
};
