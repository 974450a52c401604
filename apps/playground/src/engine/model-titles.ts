/** The architectures that the page offers: `model-kinds.ts` has a row for each, and does not compile without. */
export const modelTitles = {
  roberta: { title: "RoBERTa", task: "fills gaps" },
} as const satisfies { readonly [name: string]: { readonly title: string; readonly task: string } };

export type ModelKind = keyof typeof modelTitles;
