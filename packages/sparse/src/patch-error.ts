import { TesseraError } from "@tessera/tensor";

/** Names come out of files: one problem is no longer than a message should be. */
const shortened = (problem: string): string => (problem.length > 1000 ? `${problem.slice(0, 999)}…` : problem);

/** A patch that cannot be made as asked. It names every layer and pattern at once, and no model was changed. */
export class PatchError extends TesseraError {
  override name = "PatchError";
  readonly problems: readonly string[];

  constructor(what: string, problems: readonly string[]) {
    const shown = problems.map(shortened);
    super(`${what}; ${shown.join("; ")}`);
    this.problems = shown;
  }
}
