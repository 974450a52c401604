import { join } from "node:path";
import type { SensitivityRow } from "@tessera/sparse";
import { writeFileAtomic } from "../run-folder/write-file-atomic.ts";
import { summarise } from "./sweep-table.ts";

/** Writes the report of a sweep into its folder. @returns its path */
export const writeSweepReport = async (
  folder: string,
  rows: readonly SensitivityRow[],
  { model, data, left }: { model: string; data: string; left: readonly { group: string; reason: string }[] },
): Promise<string> => {
  const { renderSensitivityReport } = await import("../report/render-sensitivity-report.ts");
  const path = join(folder, "report.html");
  const recoverySteps = rows[0]?.recover ?? 0;
  const command = `tessera sensitivity ${model}`;
  const kept = left.map(({ group, reason }) => ({ layer: group, reason }));
  await writeFileAtomic(
    path,
    renderSensitivityReport({ model, command, data, recoverySteps, left: kept, ...summarise(rows) }),
  );
  return path;
};
