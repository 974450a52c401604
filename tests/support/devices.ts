import { cpu, reference, type Backend } from "@tessera/tensor";

/** The oracle, and the devices that must agree with it. */
export const oracle: Backend = reference;
export const devices: readonly Backend[] = [cpu];
