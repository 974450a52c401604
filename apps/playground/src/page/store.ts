import { batch, computed, effect, signal } from "@preact/signals";
import type { Configuration } from "../engine/configuration.ts";
import type {
  Engine,
  FileMap,
  Gaze,
  HeldOutPoint,
  LayerBlocks,
  Mark,
  MemoryUse,
  ModelFacts,
  ProblemKind,
  Reading,
  Report,
  StepPoint,
  SweepCell,
} from "../engine/protocol.ts";
import type { Sparsity } from "../engine/sparsity.ts";
import { texts } from "../engine/texts.ts";
import { readAddress, writeAddress } from "./address.ts";
import { startEngine } from "./engine-client.ts";
import { keepRun } from "./kept-run.ts";

export type RunState = "empty" | "opening" | "training" | "paused" | "sweeping";

const address = readAddress(location.hash);

export const configuration = signal<Configuration>(address.configuration);
export const sparsity = signal<Sparsity>(address.sparsity);
export const gaze = signal<Gaze>({
  sentence: texts.wordnet.sentence,
  layer: 1,
  head: 0,
  blockSize: address.sparsity.blockSize,
});
export const ownText = signal<string | null>(null);

export const runState = signal<RunState>("empty");
export const opening = signal<{ stage: string; share: number | null } | null>(null);
export const facts = signal<ModelFacts | null>(null);
export const memoryUse = signal<MemoryUse | null>(null);
export const points = signal<readonly StepPoint[]>([]);
export const twinPoints = signal<readonly StepPoint[]>([]);
export const heldOut = signal<readonly HeldOutPoint[]>([]);
export const marks = signal<readonly Mark[]>([]);
export const mosaic = signal<{ step: number; layers: readonly LayerBlocks[] } | null>(null);
export const reading = signal<Reading | null>(null);
export const cells = signal<readonly SweepCell[]>([]);
export const sweep = signal<{ done: number; of: number; state: "running" | "paused" | "ended" } | null>(null);
export const problem = signal<{ kind: ProblemKind; message: string } | null>(null);
/** A command that is under way, in words; the buttons wait for it. */
export const busy = signal<string | null>(null);
/** The configuration that the model on the page was opened with. */
export const opened = signal<Configuration | null>(null);

/** Whether the controls say something else than the model that is there. */
export const outdated = computed(() => {
  const [now, then] = [configuration.value, opened.value];
  if (!then) return false;
  const size = now.start === "scratch" ? (["layers", "hidden", "vocab"] as const) : [];
  return (["text", "model", "start", "device", "batch", ...size] as const).some((key) => now[key] !== then[key]);
});

effect(() => {
  const words = writeAddress({ configuration: configuration.value, sparsity: sparsity.value });
  history.replaceState(null, "", words === "" ? location.pathname + location.search : `#${words}`);
});

let engine: Engine | null = null;

/** The engine; its worker starts when it is first asked for. */
export const theEngine = (): Engine =>
  (engine ??= startEngine(listen, (message) => {
    problem.value = { kind: "other", message };
    runState.value = "empty";
  }));

const MAX_POINTS = 20_000;

/** Lists of a long training lose every second of their older points: the curve is the same, and memory has an end. */
const thinned = (all: StepPoint[]): StepPoint[] => {
  if (all.length <= MAX_POINTS) return all;
  const half = all.length >> 1;
  return all.filter((_, i) => i >= half || i % 2 === 0);
};

const listen = (report: Report): void => {
  switch (report.type) {
    case "opening":
      opening.value = report;
      return;
    case "state":
      runState.value = report.state;
      opening.value = null;
      return;
    case "steps":
      return batch(() => {
        if (report.points.length > 0) points.value = thinned([...points.value, ...report.points]);
        if (report.twin.length > 0) twinPoints.value = thinned([...twinPoints.value, ...report.twin]);
        if (report.heldOut.length > 0) heldOut.value = [...heldOut.value, ...report.heldOut];
        if (report.marks.length > 0) marks.value = [...marks.value, ...report.marks];
      });
    case "facts":
      return batch(() => {
        facts.value = report.facts;
        memoryUse.value = report.memory;
      });
    case "mosaic":
      mosaic.value = report;
      return;
    case "reading":
      reading.value = report.reading;
      return;
    case "cell":
      cells.value = [...cells.value, report.cell];
      return;
    case "sweep":
      sweep.value = report;
      return;
    case "problem":
      problem.value = report;
      return;
    case "keep":
      void keepRun(report.files);
  }
};

/** Runs a command, says meanwhile what it does, and shows what went wrong. */
const during = async <T>(words: string, command: () => Promise<T>): Promise<T | undefined> => {
  busy.value = words;
  try {
    return await command();
  } catch (error) {
    problem.value ??= { kind: "other", message: (error as Error).message };
    return undefined;
  } finally {
    busy.value = null;
  }
};

const forget = (): void => {
  batch(() => {
    [points.value, twinPoints.value, heldOut.value, marks.value, cells.value] = [[], [], [], [], []];
    [facts.value, mosaic.value, reading.value, sweep.value, problem.value] = [null, null, null, null, null];
  });
};

/** Opens the model that the controls describe, or one from files. */
export const openModel = async (files: FileMap | null = null): Promise<boolean> => {
  forget();
  runState.value = "opening";
  const open = { ...configuration.value };
  const done = await during("opening", async () => {
    await theEngine().open({
      configuration: open,
      ownText: ownText.value,
      files,
      base: document.baseURI.replace(/[#?].*$/, ""),
      gaze: gaze.value,
    });
    return true;
  });
  opening.value = null;
  if (done) opened.value = open;
  else runState.value = "empty";
  return done ?? false;
};

/** Trains: opens a model first where there is none. */
export const train = async (): Promise<void> => {
  problem.value = null;
  if (runState.value === "empty" && !(await openModel())) return;
  if (runState.value === "paused") await theEngine().train();
};

export const pause = async (): Promise<void> => {
  if (runState.value === "training") await theEngine().pause();
};

export const startOver = async (): Promise<void> => {
  if (await openModel()) await theEngine().train();
};

export const patchNow = (): Promise<unknown> => during("patching", () => theEngine().patch(sparsity.value));
export const undoPatch = (): Promise<unknown> =>
  during("undoing", async () => {
    const { step } = facts.value!;
    await theEngine().undo();
    // What came after the step that it went back to did not happen.
    const back = facts.value!.step;
    if (back >= step) return;
    batch(() => {
      points.value = points.value.filter((point) => point.step <= back);
      heldOut.value = heldOut.value.filter((point) => point.step <= back);
      twinPoints.value = facts.value!.twin ? twinPoints.value.filter((point) => point.step <= back) : [];
    });
  });

export const lookAt = (change: Partial<Gaze>): void => {
  gaze.value = { ...gaze.value, ...change };
  if (runState.value !== "empty" && runState.value !== "opening") void theEngine().look(gaze.value);
};

export const runSweep = (densities: readonly number[], recover: number): Promise<unknown> => {
  cells.value = [];
  const { blockSize } = sparsity.value;
  return during("sweeping", () => theEngine().sweep({ densities, blockSize, recover }));
};
