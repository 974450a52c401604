import type { CommandDefinition } from "./command-definition.ts";
import { allocateCommand } from "./allocate.ts";
import { demoCommand } from "./demo.ts";
import { evaluateCommand } from "./evaluate.ts";
import { exportCommand } from "./export.ts";
import { fillMaskCommand } from "./fill-mask.ts";
import { finetuneCommand } from "./finetune.ts";
import { infoCommand } from "./info.ts";
import { mergeCommand } from "./merge.ts";
import { newCommand } from "./new.ts";
import { patchCommand } from "./patch.ts";
import { pretrainCommand } from "./pretrain.ts";
import { profileCommand } from "./profile.ts";
import { reportCommand } from "./report.ts";
import { sensitivityCommand } from "./sensitivity.ts";
import { compareCommand } from "./compare.ts";
import { unpatchCommand } from "./unpatch.ts";
import { workerCommand } from "./worker.ts";

/** Every command, in the order of the help. */
export const commands: readonly CommandDefinition[] = [
  demoCommand,
  newCommand,
  pretrainCommand,
  finetuneCommand,
  evaluateCommand,
  fillMaskCommand,
  patchCommand,
  unpatchCommand,
  exportCommand,
  sensitivityCommand,
  workerCommand,
  mergeCommand,
  allocateCommand,
  reportCommand,
  compareCommand,
  profileCommand,
  infoCommand,
];
