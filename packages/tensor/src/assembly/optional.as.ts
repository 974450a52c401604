/** The address of a tensor that may be absent: 0 where it is. A planner must say `null` then, see generated/kernels.ts. */
export type optional = usize;
