/**
 * A training in a process of its own, to be killed: `train-in-child.ts FOLDER [open|write|sync|rename N]`. With two more arguments
 * it kills itself right after its Nth such call on the way to a checkpoint. Prints each step, and a hash of the weights at the end.
 */
import { createHash } from "node:crypto";
import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { Trainer } from "@tessera/models";
import { manualSeed } from "@tessera/tensor";
import { STEPS, tinyTraining } from "./tiny-model.ts";

type Moment = "open" | "write" | "sync" | "rename";

/** Makes the process die without warning, as from a power cut, at one moment of one write. */
const dieAt = (moment: Moment, count: number): void => {
  let left = count;
  const pass = (now: Moment): void => {
    if (now === moment && --left === 0) process.kill(process.pid, "SIGKILL");
  };
  const { open, rename } = files;
  files.open = async (...args) => {
    const handle = await open(...args);
    // Folders are opened too, for reading.
    if (args[1] !== "wx") return handle;
    pass("open");
    const sync = handle.sync.bind(handle);
    const writeFile = handle.writeFile.bind(handle);
    handle.writeFile = async (data) => {
      const bytes = data as Uint8Array;
      if (moment === "write" && left === 1) await writeFile(bytes.subarray(0, bytes.length >> 1));
      pass("write");
      await writeFile(bytes);
    };
    handle.sync = async () => {
      await sync();
      pass("sync");
    };
    return handle;
  };
  files.rename = async (...args) => {
    await rename(...args);
    pass("rename");
  };
  syncBuiltinESMExports();
};

const main = async ([folder, moment, count]: readonly string[]): Promise<void> => {
  if (moment) dieAt(moment as Moment, Number(count));
  manualSeed(21);
  const training = tinyTraining(STEPS);
  const trainer = new Trainer({
    ...training,
    steps: STEPS,
    maxGradNorm: 1,
    folder: folder!,
    // Most of the time goes into checkpoints, so that is where most blows fall.
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

await main(process.argv.slice(2));
