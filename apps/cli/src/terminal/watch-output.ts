import { describeFileError, isFileError } from "../run-folder/describe-file-error.ts";
import { CommandError } from "./command-error.ts";

/** Standard output takes no more: its disk is full, or its reader has gone. */
export class OutputError extends CommandError {
  override name = "OutputError";

  constructor(
    /** Whether its reader has closed it, as `head` does. */
    readonly isClosed: boolean,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface WatchedOutput {
  /** Aborted when the output fails, so that a training stops and saves. */
  readonly failed: AbortSignal;
  /** Waits until what was written has arrived or failed. */
  settle(): Promise<OutputError | undefined>;
  release(): void;
}

/**
 * Notices when standard output fails, which Node says in an event that ends the process if nobody listens. When standard error fails
 * there is no one left to tell.
 */
export const watchOutput = (out: NodeJS.WriteStream = process.stdout, errors = process.stderr): WatchedOutput => {
  const controller = new AbortController();
  let failure: OutputError | undefined;
  const fail = (cause: Error): void => {
    const isClosed = isFileError(cause, "EPIPE");
    failure ??= new OutputError(
      isClosed,
      `standard output: expected to print, got ${describeFileError(cause)}; ${isClosed ? "keep its reader running" : "make room"}, or use --quiet`,
      { cause },
    );
    controller.abort(failure);
  };
  const ignore = (): void => {};
  out.on("error", fail);
  errors.on("error", ignore);
  return {
    failed: controller.signal,
    settle: async () => {
      // Files and pipes are written at once; their errors come with the next turn of the loop.
      await new Promise((done) => setImmediate(done));
      return failure;
    },
    release: () => {
      out.off("error", fail);
      errors.off("error", ignore);
    },
  };
};
