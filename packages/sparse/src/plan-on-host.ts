import type { Module } from "@tessera/nn";
import type { BlockSparseModelPatcher } from "./model-patcher.ts";
import type { PatchPlan } from "./patch-plan.ts";

/** The plan for a model on any device: one that answers only later is moved to `cpu` and back, because criteria read weights. */
export const planOnHost = async (model: Module, patcher: BlockSparseModelPatcher): Promise<PatchPlan> => {
  const device = model.parameters()[0]?.device;
  if (!device || device.readSync) return patcher.plan(model);
  await model.to("cpu");
  try {
    return patcher.plan(model);
  } finally {
    await model.to(device);
  }
};
