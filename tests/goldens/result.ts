/** What became of one case: it failed with reasons, passed with none, or what it is about does not exist: an op, an optimiser, an architecture. */
export type CaseResult = { readonly id: string; readonly failures: readonly string[] } | { readonly id: string; readonly missing: string };
