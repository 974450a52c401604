import { distillationLoss, type DistilledOutput, type Module } from "@tessera/nn";
import type { Tensor } from "@tessera/tensor";
import { add, mul } from "@tessera/tensor";
import { withRecorder } from "@tessera/tensor/extend";
import { isLabel, labelsIn, tensorAt } from "./count-labels.ts";

/** A model whose outputs another one is taught: knowledge distillation. */
export interface Teacher<Inputs> {
  /** Gives logits for what the student is given. It runs in evaluation mode, and is neither changed nor freed. */
  readonly model: Module & { forward(inputs: Inputs): Tensor | DistilledOutput };
  /** The share of the soft targets in the loss, from 0 to 1; the labels have the rest. 0.5 unless said otherwise; with 1 no labels are needed. */
  readonly weight?: number | undefined;
  /** 2 unless said otherwise. */
  readonly temperature?: number | undefined;
  /** What the match of hidden states weighs beside that of the logits; 0, not at all, unless said otherwise. */
  readonly hidden?: number | undefined;
  /**
   * What both models are given in place of a batch, so that their outputs have `logits`, and `hiddenStates` where those are matched. Inputs that
   * are plain objects ask for them as the models of this package do, unless said otherwise.
   */
  readonly inputs?: ((inputs: Inputs) => Inputs) | undefined;
}

/** Calls `refuse` for an option outside its domain. */
export const checkTeacher = (
  { weight = 0.5, temperature = 2, hidden = 0 }: Omit<Teacher<unknown>, "model" | "inputs">,
  refuse: (name: string, expected: string, got: unknown) => never,
): void => {
  if (!(weight >= 0 && weight <= 1)) refuse("teacher.weight", "from 0 to 1", weight);
  if (!(temperature > 0 && temperature < Infinity)) refuse("teacher.temperature", "above 0", temperature);
  if (!(hidden >= 0 && hidden < Infinity)) refuse("teacher.hidden", "0 or more", hidden);
};

/** Inputs that ask for logits at the labelled positions alone, and for hidden states. */
export const inputsOfTeacher = <Inputs>({ inputs: adapt, hidden = 0 }: Teacher<Inputs>, inputs: Inputs): Inputs => {
  if (adapt) return adapt(inputs);
  if (typeof inputs !== "object" || inputs === null || Object.getPrototypeOf(inputs) !== Object.prototype)
    return inputs;
  return {
    ...inputs,
    ...("labelPositions" in inputs && inputs.labelPositions ? { returnLogits: "positions" } : {}),
    ...(hidden > 0 ? { outputHiddenStates: true } : {}),
  };
};

/**
 * (1 − w) · the loss of the labels + w · `distillationLoss`, for one batch. Rows whose label is −100 do not count, nor hidden states of padding.
 *
 * @param hard gives the loss of the labels; not asked when w is 1
 */
export const taughtLoss = <Inputs>(
  { model, weight = 0.5, temperature, hidden }: Teacher<Inputs>,
  inputs: Inputs,
  student: Tensor | DistilledOutput,
  hard: () => Tensor,
): Tensor => {
  const taught = withRecorder(null, () => model.forward(inputs));
  const labels = labelsIn(inputs);
  const padding = typeof inputs === "object" && inputs !== null ? tensorAt(inputs, "attentionMask") : null;
  const soft = distillationLoss(student, taught, {
    temperature,
    hidden,
    mask: labels?.dtype === "int32" ? isLabel(labels) : undefined,
    hiddenMask: padding ?? undefined,
  });
  return weight === 1 ? soft : add(mul(hard(), 1 - weight), mul(soft, weight));
};
