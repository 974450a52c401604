/** Where the time of a training step goes. */
export * from "./launch-log.ts";
export * from "./op-cost.ts";
export * from "./profile-step.ts";
