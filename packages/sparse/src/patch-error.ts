import { TesseraError } from "@tessera/tensor";

/** A patch that cannot be made as asked. It names every layer and pattern at once, and no model was changed. */
export class PatchError extends TesseraError {
  override name = "PatchError";
  readonly problems: readonly string[];

  constructor(what: string, problems: readonly string[]) {
    super(`${what}; ${problems.join("; ")}`);
    this.problems = problems;
  }
}
