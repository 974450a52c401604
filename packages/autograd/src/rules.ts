import { families } from "@tessera/tensor/families";
import { defineFamilyVjps, type VjpTables } from "./define-vjps.ts";
import { attentionVjps } from "./vjps/attention.ts";
import { elementwiseVjps } from "./vjps/elementwise.ts";
import { indexVjps } from "./vjps/index.ts";
import { lossVjps } from "./vjps/loss.ts";
import { matmulVjps } from "./vjps/matmul.ts";
import { moveVjps } from "./vjps/move.ts";
import { normVjps } from "./vjps/norm.ts";
import { randomVjps } from "./vjps/random.ts";
import { reduceVjps } from "./vjps/reduce.ts";
import { softmaxVjps } from "./vjps/softmax.ts";
import { updateVjps } from "./vjps/update.ts";

/** The gradients of every family: leaving one out does not compile. */
const rules = {
  elementwise: elementwiseVjps,
  reduce: reduceVjps,
  move: moveVjps,
  index: indexVjps,
  random: randomVjps,
  matmul: matmulVjps,
  softmax: softmaxVjps,
  norm: normVjps,
  loss: lossVjps,
  attention: attentionVjps,
  update: updateVjps,
} satisfies VjpTables<typeof families>;

defineFamilyVjps(families, rules);
