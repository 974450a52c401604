import type * as family from "@tessera/tensor/ops/sort";
import { notDifferentiable, type VjpTable } from "../define-vjps.ts";

/** An order has no gradient; values in order are gathered, and have that one's. */
export const sortVjps: VjpTable<typeof family> = {
  argsort: notDifferentiable,
};
