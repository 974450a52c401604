import { join } from "node:path";
import { openFolder } from "@tessera/models";
import { CHECKPOINT_FILE } from "@tessera/models/training";
import { readSafetensors } from "@tessera/tensor";
import * as v from "valibot";
import { readCheckedJson, shapes } from "../run-folder/read-checked-json.ts";
import { checkFinite } from "./check-finite.ts";

const { count, flag, list, number, object, record, text } = shapes;

const createTrainingSchema = (steps: number) =>
  object({
    step: v.pipe(count, v.maxValue(steps, `a whole number from 0 to ${steps}`)),
    loss: v.nullable(number),
    lossSum: number,
    lossCount: count,
    tokens: count,
    seconds: v.pipe(number, v.minValue(0, "a number from 0")),
    batches: object({ seed: count, epoch: count, position: count }),
    generators: record(object({ seed: number, counter: count })),
    schedule: v.nullable(object({ step: count, baseRates: list(number) })),
    groups: list(object({ lr: number, params: list(text) })),
    fusesMultiplyAdd: flag,
    settings: record(v.nullable(number)),
    metrics: v.nullable(record(number)),
  });

/**
 * Checks the checkpoint of a folder, if there is one, before a training goes on from it.
 *
 * @throws {CommandError} that names what is wrong with the state of the training, or the tensor that has no finite number
 */
export const checkCheckpoint = async (folder: string, steps: number): Promise<void> => {
  const store = await openFolder(folder);
  if (!(await store.exists(CHECKPOINT_FILE))) return;
  const place = join(folder, CHECKPOINT_FILE);
  const advice = `delete the file to train anew, or start over with --fresh`;
  const { tensors, metadata } = readSafetensors(await store.read(CHECKPOINT_FILE));
  // Another file than a checkpoint is the trainer's to refuse.
  if (metadata["training"] === undefined) return;
  readCheckedJson(createTrainingSchema(steps), metadata["training"], {
    place,
    what: "the state of a training",
    advice,
  });
  for (const [name, { dtype, data }] of tensors) if (dtype === "float32") checkFinite(data, name, place, advice);
};
