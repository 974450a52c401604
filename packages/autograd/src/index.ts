import "./rules.ts";

export { checkpoint } from "./checkpoint.ts";
export {
  defineFamilyVjps,
  defineVjps,
  notDifferentiable,
  onceDifferentiable,
  rule,
  type Ran,
  type Reads,
  type Recompute,
  type Seen,
  type Vjp,
  type VjpTable,
  type VjpTables,
} from "./define-vjps.ts";
export { grad, valueAndGrad, vjp, type HasParameters, type Loss, type Pullback } from "./grad.ts";
export { GradientError } from "./gradient-error.ts";
export { Gradients } from "./gradients.ts";
export { linearGradients, type LayerCall, type LayerSignature, type LinearProducts } from "./linear-gradients.ts";
export { stopGradient } from "@tessera/tensor";
