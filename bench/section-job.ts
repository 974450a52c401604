import type { Peak } from "@tessera/tensor";
import type { SectionName } from "./options.ts";
import type { Table } from "./table.ts";

/** The message that a section's process starts with. */
export interface SectionJob {
  readonly section: SectionName;
  readonly threads: number;
  readonly quick: boolean;
  readonly rivals: boolean;
  /** The Python that has PyTorch, for the section that asks for it. */
  readonly python: string | null;
  readonly peak: Peak;
}

/** What it says. */
export type SectionMessage =
  | { readonly kind: "progress"; readonly text: string }
  | { readonly kind: "done"; readonly tables: readonly Table[]; readonly rivals: Readonly<Record<string, string>> }
  | { readonly kind: "failed"; readonly text: string };
