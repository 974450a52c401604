import { cast, full, indexSelect, ne, reshape, sum, Tensor } from "@tessera/tensor";
import { IGNORE_INDEX } from "../data/mlm-collator.ts";
import type { TrainingBatch } from "./batch-source.ts";

/** A count of labels, on the host or still on the device (float32, 0-d); `null` where nothing is known of labels. */
export type LabelCount = number | Tensor | null;

export const tensorAt = (inputs: object, name: string): Tensor | null => {
  const value = (inputs as { readonly [name: string]: unknown })[name];
  return value instanceof Tensor ? value : null;
};

/**
 * How many labels the loss of a batch is the mean of: what the batch says, else the class numbers of `inputs.labels` that are not
 * −100, at `inputs.labelPositions` where they are given, or all labels that are no class numbers. Nothing waits for the device.
 */
export const countLabels = ({ inputs, labelCount }: TrainingBatch<unknown>): LabelCount => {
  if (labelCount !== undefined) return labelCount;
  const labels = labelsIn(inputs);
  if (!labels) return null;
  if (labels.dtype !== "int32") return labels.numel();
  return sum(cast(isLabel(labels), "float32"));
};

/** The labels that a loss reads, of inputs that have some: at `labelPositions`, where those are given. */
export const labelsIn = (inputs: unknown): Tensor | null => {
  if (typeof inputs !== "object" || inputs === null) return null;
  const labels = tensorAt(inputs, "labels");
  if (labels?.dtype !== "int32") return labels;
  const positions = tensorAt(inputs, "labelPositions");
  return positions && labels.ndim === 2 ? indexSelect(reshape(labels, [-1]), 0, positions) : labels;
};

/** Which class numbers count: those that are not −100. */
export const isLabel = (labels: Tensor): Tensor =>
  ne(labels, full([], IGNORE_INDEX, { dtype: "int32", device: labels.device }));
