import "./rules.ts";

export { checkpoint } from "./checkpoint.ts";
export * from "./define-vjps.ts";
export * from "./grad.ts";
export { GradientError } from "./gradient-error.ts";
export { Gradients } from "./gradients.ts";
export { linearGradients, type LayerCall, type LayerSignature, type LinearProducts } from "./linear-gradients.ts";
export { Tape } from "./tape.ts";
export { unbroadcast } from "./unbroadcast.ts";
export { stopGradient } from "@tessera/tensor";
