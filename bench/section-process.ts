// One section on so many threads, in a process of its own: a library takes its number of threads when it is loaded.
import { breakEven } from "./cpu/break-even.ts";
import { dense } from "./cpu/dense.ts";
import { memoryBound } from "./cpu/memory-bound.ts";
import { profiles } from "./cpu/profiles.ts";
import { sparse } from "./cpu/sparse.ts";
import { trainingSteps } from "./cpu/training-steps.ts";
import type { Peak } from "@tessera/tensor";
import { measurePeak } from "./machine.ts";
import type { SectionName } from "./options.ts";
import { loadRivals } from "./rivals/load-rivals.ts";
import type { SectionJob, SectionMessage } from "./section-job.ts";
import { useThreads, type Setting } from "./setting.ts";
import type { Table } from "./table.ts";
import { paceOf } from "./timing.ts";

/** Sections that compare with others, and sections that compare with ourselves. */
const sections: Readonly<
  Record<SectionName, { readonly hasRivals: boolean; readonly run: (setting: Setting) => Promise<Table[]> }>
> = {
  dense: { hasRivals: true, run: dense },
  sparse: { hasRivals: false, run: sparse },
  "break-even": { hasRivals: false, run: breakEven },
  memory: { hasRivals: true, run: memoryBound },
  steps: { hasRivals: true, run: trainingSteps },
  profile: { hasRivals: false, run: profiles },
};

const send = (message: SectionMessage): Promise<void> =>
  new Promise((done, failed) => process.send!(message, undefined, {}, (error) => (error ? failed(error) : done())));

/** The peak again: what others left of the machine may have been more this time. */
const higherPeak = async (before: Peak): Promise<Peak> => {
  const { flops } = await measurePeak(before.threads, { quick: true, sizes: [] });
  return { ...before, flops: Math.max(before.flops, flops) };
};

const runSection = async ({ section, threads, quick, rivals: wanted, peak }: SectionJob): Promise<void> => {
  const { hasRivals, run } = sections[section];
  const say = (text: string): void => void send({ kind: "progress", text });
  const rivals = wanted && hasRivals ? await loadRivals(threads, say) : [];
  await useThreads(threads);
  const setting = { threads, quick, peak: await higherPeak(peak), pace: paceOf(quick), rivals, say };
  const tables = await run(setting);
  await send({ kind: "done", tables, rivals: Object.fromEntries(rivals.map(({ name, version }) => [name, version])) });
};

process.once("message", (job: SectionJob) => {
  // Other libraries' threads would keep the process alive.
  void runSection(job)
    .catch((error: Error) => send({ kind: "failed", text: error.stack ?? error.message }))
    .then(() => process.exit(0));
});
