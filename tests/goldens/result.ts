/** What became of one case: it failed with reasons, passed with none, or its op does not exist. */
export type CaseResult = { readonly id: string; readonly failures: readonly string[] } | { readonly id: string; readonly missing: string };
