import * as v from "valibot";
import { describeMachine } from "../demo/write-demo-report.ts";
import type { TrainerStateFacts } from "../logs/trainer-state.ts";
import { shapes } from "../run-folder/read-checked-json.ts";
import { Interrupted } from "../terminal/command-error.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** How a training ended, and where. Runs of earlier versions have neither. */
export interface WhatEnded {
  /** Why it ended before its last step. */
  stopReason?: string | undefined;
  machine?: string | undefined;
}

export const whatEnded = { stopReason: v.optional(shapes.text), machine: v.optional(shapes.text) };

export const describeEnd = (stopReason: string | null): WhatEnded => ({
  ...(stopReason === null ? {} : { stopReason }),
  machine: describeMachine(),
});

/** Runs a training, and writes the report and the logs for other tools when it is done, and when it is stopped. */
export const withRunFiles = async (
  run: { folder: string; assertOwned(): void },
  facts: TrainerStateFacts,
  terminal: Terminal,
  work: () => Promise<void>,
): Promise<void> => {
  const write = async (): Promise<void> => {
    run.assertOwned();
    const { writeRunFiles } = await import("../run-report/write-run-files.ts");
    terminal.printLine(`Report: ${await writeRunFiles(run.folder, facts)}`);
  };
  try {
    await work();
  } catch (error) {
    if (error instanceof Interrupted) await write();
    throw error;
  }
  await write();
};
