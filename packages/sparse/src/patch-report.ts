import type { Optimizer } from "@tessera/nn";
import { inspectCustom } from "@tessera/tensor/extend";
import type { PatchPlan } from "./patch-plan.ts";
import { handOver, type Replacement } from "./replace-layers.ts";

/** What was patched or unpatched, and what optimisers need to know of it. */
export class PatchReport {
  readonly replacements: readonly Replacement[];
  /** What was planned; `null` after `unpatch`. */
  readonly plan: PatchPlan | null;

  constructor(replacements: readonly Replacement[], plan: PatchPlan | null) {
    this.replacements = replacements;
    this.plan = plan;
  }

  /**
   * Gives optimisers the new weights in place of the old ones, with their moments: the kept blocks of them, or, after `unpatch`,
   * the blocks with zeros between. An optimiser that is made after patching needs none of this.
   *
   * @throws ArgumentError when one of them optimises none of the old weights.
   * @example
   * const optimizer = new AdamW(model.namedParameters(), { lr: 1e-3 });
   * // … some training …
   * patcher.patchModel(model).handOver(optimizer);
   */
  handOver(...optimizers: readonly Optimizer[]): void {
    handOver(this.replacements, optimizers);
  }

  toString(): string {
    return this.plan ? this.plan.toString() : `dense again: ${this.replacements.map(({ name }) => name).join(", ")}`;
  }

  [inspectCustom](): string {
    return this.toString();
  }
}
