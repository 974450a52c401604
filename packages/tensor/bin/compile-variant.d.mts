export interface CompileJob {
  readonly folder: string;
  readonly slot: number | null;
  /** Of `variants`. */
  readonly flags: readonly string[];
  /** The URL of AssemblyScript's compiler. */
  readonly compiler: string;
}
export const variants: Readonly<Record<"baseWasm" | "relaxedWasm" | "wideWasm", readonly string[]>>;
export function compileInThread(job: CompileJob): Promise<{ wasm: Uint8Array; functions: readonly string[] }>;
