// One section on so many threads, in a process of its own: a library takes its number of threads when it is loaded.
import { besidePytorch } from "./cpu/beside-pytorch.ts";
import { breakEven } from "./cpu/break-even.ts";
import { dense } from "./cpu/dense.ts";
import { memoryBound } from "./cpu/memory-bound.ts";
import { profiles } from "./cpu/profiles.ts";
import { sparse } from "./cpu/sparse.ts";
import { trainingSteps } from "./cpu/training-steps.ts";
import type { Peak } from "@tessera/tensor";
import { measurePeak } from "./machine.ts";
import { hasRivals, type SectionName } from "./options.ts";
import { loadRivals } from "./rivals/load-rivals.ts";
import type { SectionJob, SectionMessage } from "./section-job.ts";
import { useThreads, type Setting } from "./setting.ts";
import type { Table } from "./table.ts";
import { paceOf } from "./timing.ts";

const sections: Readonly<Record<SectionName, (setting: Setting) => Promise<Table[]>>> = {
  dense,
  sparse,
  "break-even": breakEven,
  memory: memoryBound,
  steps: trainingSteps,
  profile: profiles,
  pytorch: besidePytorch,
};

const send = (message: SectionMessage): Promise<void> =>
  new Promise((done, failed) => process.send!(message, undefined, {}, (error) => (error ? failed(error) : done())));

/** The peak again: what others left of the machine may have been more this time. */
const higherPeak = async (before: Peak): Promise<Peak> => {
  const { flops } = await measurePeak(before.threads, { quick: true, sizes: [] });
  return { ...before, flops: Math.max(before.flops, flops) };
};

const runSection = async ({ section, threads, quick, rivals: wanted, python, peak }: SectionJob): Promise<void> => {
  const say = (text: string): void => void send({ kind: "progress", text });
  const rivals = wanted && hasRivals(section) ? await loadRivals(threads, say) : [];
  await useThreads(threads);
  const setting = { threads, quick, peak: await higherPeak(peak), pace: paceOf(quick), rivals, python, say };
  const tables = await sections[section](setting);
  await send({ kind: "done", tables, rivals: Object.fromEntries(rivals.map(({ name, version }) => [name, version])) });
};

process.once("message", (job: SectionJob) => {
  // Other libraries' threads would keep the process alive.
  void runSection(job)
    .catch((error: Error) => send({ kind: "failed", text: error.stack ?? error.message }))
    .then(() => process.exit(0));
});
