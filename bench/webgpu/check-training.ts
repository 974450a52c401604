import { reference, setDefaultDevice, type Backend } from "@tessera/tensor";
import { checkClose, CheckError } from "../check.ts";
import { trialSizes } from "./model-sizes.ts";
import { robertaTraining, type RobertaTraining, type Variant } from "./roberta-training.ts";

/** Loss and gradients in float32 against float64 sums. */
const TOLERANCE = 1e-4;

/** Loss and norm of the gradients of a small model's first step. */
const firstStep = async (device: Backend, variant: Variant): Promise<{ loss: number; norm: number }> => {
  setDefaultDevice(device);
  const training = robertaTraining(trialSizes, variant);
  const { loss, grads } = training.gradients();
  let squares = 0;
  for (const gradient of grads.values()) for (const value of await gradient.data()) squares += Number(value) ** 2;
  const result = { loss: await loss.item(), norm: Math.sqrt(squares) };
  for (const gradient of grads.values()) gradient.dispose();
  loss.dispose();
  training.dispose();
  return result;
};

/** @throws CheckError unless a small model's loss and gradients are those of the reference device, whose sums are float64. */
export const checkAgainstReference = async (device: Backend, variant: Variant): Promise<void> => {
  try {
    const want = await firstStep(reference, variant);
    const got = await firstStep(device, variant);
    const what = `masked LM at density ${variant.density}`;
    checkClose(`${what}: loss`, got.loss, want.loss, TOLERANCE);
    checkClose(`${what}: norm of the gradients`, got.norm, want.norm, TOLERANCE);
  } finally {
    setDefaultDevice(device);
  }
};

/** @throws CheckError unless an untrained model guesses about as well as chance: its loss is near ln(vocabulary). */
export const checkFirstLoss = async (what: string, training: RobertaTraining, vocabulary: number): Promise<void> => {
  const loss = await training.step("loss");
  if (!(Math.abs(loss - Math.log(vocabulary)) < 0.6))
    throw new CheckError(`${what}: expected a first loss near ln ${vocabulary} = ${Math.log(vocabulary)}, got ${loss}`);
};
