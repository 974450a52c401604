/** A training in a process of its own, to be killed: `train-in-child.ts FOLDER`. Prints each step, and a hash of the weights at the end. */
import { createHash } from "node:crypto";
import { Trainer } from "@tessera/models";
import { manualSeed } from "@tessera/tensor";
import { tinyTraining } from "./tiny-model.ts";

const STEPS = 60;

const main = async (folder: string): Promise<void> => {
  manualSeed(21);
  const training = tinyTraining(STEPS);
  const trainer = new Trainer({
    ...training,
    steps: STEPS,
    maxGradNorm: 1,
    folder,
    // Nearly all the time goes into checkpoints, so that is where most blows fall.
    saveSteps: 1,
    loggingSteps: 1,
    onProgress: ({ step }) => process.stdout.write(`step ${step}\n`),
  });
  await trainer.train({ resume: true });
  const hash = createHash("sha256");
  for (const [name, parameter] of training.model.namedParameters()) {
    const values = await parameter.data();
    hash.update(name).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  process.stdout.write(`hash ${hash.digest("hex")}\n`);
};

await main(process.argv[2]!);
