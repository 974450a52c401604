import type { ComponentChildren } from "preact";
import type { ProblemKind } from "../engine/protocol.ts";
import { keptFiles, place, takeOver } from "./visit.ts";
import { configuration, facts, openModel, problem, runState, startOver, train } from "./store.ts";

interface NoticeProps {
  readonly tone: "calm" | "warning";
  readonly title: string;
  readonly children: ComponentChildren;
}

const Notice = ({ tone, title, children }: NoticeProps) => (
  <div class={`notice ${tone}`} role={tone === "warning" ? "alert" : "status"}>
    <strong>{title}</strong> {children}
  </div>
);

const toCpu = async (): Promise<void> => {
  configuration.value = { ...configuration.value, device: "cpu" };
  const files = await keptFiles();
  if (await openModel(files)) await train();
};

const again = async (): Promise<void> => {
  const files = await keptFiles();
  if (await openModel(files)) await train();
};

const smaller = async (): Promise<void> => {
  configuration.value = { ...configuration.value, start: "scratch", layers: 1, hidden: 64, batch: 4 };
  await startOver();
};

/** What each kind of trouble means, and the way out of it. */
const troubles: Record<ProblemKind, { title: string; says: string; ways: readonly [string, () => Promise<void>][] }> = {
  "lost-gpu": {
    title: "The GPU was lost.",
    says: "The browser took it away: a driver that restarted, a laptop that slept, another page that asked too much. The run is kept as of its last save.",
    ways: [
      ["Go on with the CPU", toCpu],
      ["Try the GPU again", again],
    ],
  },
  "no-gpu": {
    title: "There is no GPU for this page.",
    says: "This browser has no WebGPU, or its switch is off. The CPU trains the same model to the same numbers.",
    ways: [["Use the CPU", toCpu]],
  },
  memory: {
    title: "That does not fit into memory.",
    says: "The browser gave no more. Nothing was lost that was kept before; a smaller model or batch fits.",
    ways: [
      ["Go on from the last save", again],
      ["Start a smaller one", smaller],
    ],
  },
  "not-finite": {
    title: "The loss is no number any more.",
    says: "The learning rate is too large for this model. The step was not taken: what the model knew, it knows.",
    ways: [
      [
        "Go on from the last save, slower",
        async () => {
          configuration.value = { ...configuration.value, lr: 2e-4 };
          await again();
        },
      ],
    ],
  },
  "no-simd": {
    title: "This browser is too old to train here.",
    says: "Its WebAssembly has no SIMD. Chrome 91, Firefox 89 and Safari 16.4 have it, and all that came after them.",
    ways: [],
  },
  other: { title: "Something went wrong.", says: "", ways: [["Start over", startOver]] },
};

const Trouble = () => {
  const now = problem.value;
  if (!now) return null;
  const { title, says, ways } = troubles[now.kind];
  return (
    <Notice tone="warning" title={title}>
      <p>{says}</p>
      <p class="path">{now.message}</p>
      <div class="buttons">
        {ways.map(([name, go]) => (
          <button
            key={name}
            onClick={() => {
              problem.value = null;
              void go();
            }}
          >
            {name}
          </button>
        ))}
        <button onClick={() => (problem.value = null)}>Dismiss</button>
      </div>
    </Notice>
  );
};

/** The states that a visitor should know of, each in words. */
export const Notices = () => {
  const { otherTab, hiddenPause, threads, noEngine } = place.value;
  return (
    <div class="notices">
      {noEngine ? (
        <Notice tone="warning" title={troubles["no-simd"].title}>
          <p>{troubles["no-simd"].says}</p>
        </Notice>
      ) : null}
      {otherTab ? (
        <Notice tone="calm" title="The playground is open in another tab.">
          <p>Two trainings would halve each other's speed, and overwrite each other's kept run.</p>
          <div class="buttons">
            <button onClick={() => void takeOver()}>Train here instead</button>
          </div>
        </Notice>
      ) : null}
      {hiddenPause && runState.value === "paused" ? (
        <Notice tone="calm" title="Paused while the tab was hidden.">
          <p>It goes on when you look at it again.</p>
        </Notice>
      ) : null}
      {threads === "one" && facts.value?.device === "cpu" ? (
        <Notice tone="calm" title="One thread.">
          <p>
            This host or window does not let pages share memory between threads, so the engine uses one. Everything
            works, more slowly.
          </p>
        </Notice>
      ) : null}
      <Trouble />
    </div>
  );
};
