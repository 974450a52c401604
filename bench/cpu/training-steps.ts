import type { Setting } from "../setting.ts";
import type { Table } from "../table.ts";
import { cnnStep } from "./cnn-step.ts";
import { encoderStep } from "./encoder-step.ts";
import { maskedLMSteps } from "./masked-lm-step.ts";

/** Whole training steps: an encoder beside the rivals, a CNN with both kinds of batch norm, and RoBERTas beside their patched selves. */
export const trainingSteps = async (setting: Setting): Promise<Table[]> => [
  await encoderStep(setting),
  await cnnStep(setting),
  ...(await maskedLMSteps(setting)),
];
